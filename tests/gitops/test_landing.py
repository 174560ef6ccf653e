"""A change lands once, whoever else pushes, dies or is outdated."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog import git
from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost
from provisioning.drivers.gitops.repository import Repository
from tests.gitops.world import key

FOLDER = "environments/dev/shop"


class Death(BaseException):
    """The worker dies here."""


def dies():
    raise Death


def test_dying_between_commit_and_push_leaves_nothing_and_the_next_worker_goes_on(world):
    spec = world.spec()
    plan = world.plan(spec, "create")
    steps = world.driver.steps(spec, "create", plan)
    steps[0].apply(key("op-1"), world.lines.append)
    with pytest.raises(Death):
        steps[1].apply(key("op-1", guard=dies), world.lines.append)
    assert world.commits() == ["Begin"]
    _, push = world.new_driver().steps(spec, "create", plan)
    push.apply(key("op-1"), world.lines.append)
    assert world.commits() == ["Create shop in dev", "Begin"]


def test_dying_after_the_push_doubles_nothing(world):
    spec = world.spec()
    plan = world.plan(spec, "create")
    for step in world.driver.steps(spec, "create", plan):
        step.apply(key("op-1"), world.lines.append)
    pushed = world.git("rev-parse", "main")
    for step in world.new_driver().steps(spec, "create", plan):
        assert step.done(world.driver.observe(spec))
        step.apply(key("op-1"), world.lines.append)
    assert world.git("rev-parse", "main") == pushed


def test_a_push_whose_answer_was_lost_is_recognised(world, monkeypatch):
    real = Repository.push

    def lost(self, *arguments, **named):
        real(self, *arguments, **named)
        raise git.Unreachable("The host of the repository does not answer.")

    spec = world.spec()
    _, push = world.steps(spec, "create").values()
    monkeypatch.setattr(Repository, "push", lost)
    with pytest.raises(DriverUnavailable, match="does not answer"):
        push.apply(key("op-1"), world.lines.append)
    monkeypatch.undo()
    pushed = world.git("rev-parse", "main")
    assert push.apply(key("op-1"), world.lines.append) == {"commit": pushed}
    assert world.git("rev-parse", "main") == pushed


def test_a_push_is_known_by_its_trailers_even_when_a_stranger_changed_the_file_since(world):
    spec = world.spec()
    _, push = world.steps(spec, "create").values()
    pushed = push.apply(key("op-1"), world.lines.append)
    world.commit({f"{FOLDER}/service-web.yaml": b"kind: Service\n"})
    assert push.apply(key("op-1"), world.lines.append) == pushed
    assert world.commits() == ["By hand", "Create shop in dev", "Begin"]


def test_somebody_else_pushing_meanwhile_loses_nothing(world):
    spec = world.spec()
    _, push = world.steps(spec, "create").values()
    raced = []

    def guard():
        if len(raced) < 2:
            raced.append(world.commit({f"other-{len(raced)}": b"x"}))

    push.apply(key("op-1", guard=guard), world.lines.append)
    assert world.commits() == ["Create shop in dev", "By hand", "By hand", "Begin"]
    assert {"other-0", "other-1", f"{FOLDER}/service-web.yaml"} <= set(world.files())


def test_two_environments_pushed_at_once_both_land(world):
    def create(name):
        spec = world.spec(name)
        for step in world.new_driver().steps(spec, "create", world.plan(spec, "create")):
            step.apply(key(f"op-{name}"), world.lines.append)

    names = ["shop-a", "shop-b", "shop-c", "shop-d"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, names))
    assert sorted(world.commits()) == ["Begin", *(f"Create {name} in dev" for name in names)]
    assert {path.split("/")[2] for path in world.files() if "/" in path} == set(names)


def test_an_outdated_worker_is_refused_by_the_newer_fence(world):
    spec = world.spec()
    world.carry_out(spec, "create", key("op-1", fence=10))
    changed = world.spec(parameters={"replicas": 5})
    _, push = world.steps(changed, "update").values()
    with pytest.raises(LeaseLost, match="newer fence 10"):
        push.apply(key("op-2", fence=9), world.lines.append)
    assert world.commits() == ["Create shop in dev", "Begin"]


def test_a_worker_that_slept_through_its_lease_between_check_and_push_changes_nothing(world):
    """It passed the guard, was stopped there, and goes on after a newer owner has written."""
    spec, changed = world.spec(), world.spec(parameters={"replicas": 5})
    world.carry_out(spec, "create", key("op-1", fence=10))
    _, push = world.steps(changed, "update").values()
    newer = world.spec(parameters={"replicas": 3})

    def sleeps():
        if len(world.commits()) == 2:
            world.carry_out(newer, "update", key("op-3", fence=12))

    with pytest.raises(LeaseLost, match="newer fence 12"):
        push.apply(key("op-2", fence=11, guard=sleeps), world.lines.append)
    assert world.commits() == ["Change shop in dev", "Create shop in dev", "Begin"]
    assert world.plan(newer, "reconcile").changes == ()


def test_a_file_changed_since_the_plan_stops_the_operation(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    changed = world.spec(parameters={"replicas": 5})
    commit, push = world.steps(changed, "update").values()
    world.commit({f"{FOLDER}/deployment-web.yaml": b"kind: Deployment\n"})
    for step in (commit, push):
        with pytest.raises(DriverRejected, match=r"deployment-web\.yaml was changed by somebody else since the plan"):
            step.apply(key("op-2"), world.lines.append)
    assert world.commits()[0] == "By hand"


def test_undoing_a_creation_leaves_nothing(world):
    spec = world.spec()
    _, push = world.steps(spec, "create").values()
    push.undo(key("op-1"), world.lines.append)
    assert world.commits() == ["Begin"]
    push.apply(key("op-1"), world.lines.append)
    world.commit({f"{FOLDER}/extra.yaml": b"kind: ConfigMap\n"})
    for _ in range(2):
        push.undo(key("op-1"), world.lines.append)
        assert sorted(world.files()) == ["README.md"]
    assert world.commits()[0] == "Undo: Create shop in dev"
    assert world.verified("main")


def test_undoing_a_creation_spares_what_another_environment_made_there_since(world):
    earlier, later = world.spec(), world.spec(id="99999999-0000-4000-8000-000000000000")
    _, push = world.steps(earlier, "create").values()
    push.apply(key("op-1"), world.lines.append)
    world.carry_out(earlier, "destroy")
    world.carry_out(later, "create")
    push.undo(key("op-1"), world.lines.append)
    assert len(world.driver.observe(later)) == 3


def test_undoing_a_change_brings_the_very_bytes_back_and_it_can_be_tried_again(world):
    spec, changed = world.spec(), world.spec(parameters={"replicas": 5})
    world.carry_out(spec, "create")
    path = f"{FOLDER}/deployment-web.yaml"
    world.commit({path: b"# a comment\n" + world.files()[path].encode()})
    before = world.files()
    _, push = world.steps(changed, "update").values()
    pushed = push.apply(key("op-2"), world.lines.append)["commit"]
    push.undo(key("op-2"), world.lines.append)
    assert world.files() == before
    assert f"Reverts: {pushed}" in world.git("log", "-n1", "--format=%B", "main")
    push.undo(key("op-2"), world.lines.append)
    push.apply(key("op-2"), world.lines.append)
    assert world.commits()[:3] == ["Change shop in dev", "Undo: Change shop in dev", "Change shop in dev"]


def test_a_hook_that_declines_is_final(world):
    hook = world.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    _, push = world.steps(world.spec(), "create").values()
    with pytest.raises(DriverRejected, match="a rule of its own refuses it"):
        push.apply(key("op-1"), world.lines.append)
    assert world.commits() == ["Begin"]


def test_a_branch_that_never_rests_is_given_up_for_now(world):
    _, push = world.steps(world.spec(), "create").values()
    moves = key("op-1", guard=lambda: world.commit({"other": b"x"}) and None)
    with pytest.raises(DriverUnavailable, match="main moves on faster than a commit can be pushed"):
        push.apply(moves, world.lines.append)
    assert set(world.commits()) == {"By hand", "Begin"}
