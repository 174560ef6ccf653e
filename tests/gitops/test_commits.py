"""An environment is a commit: made once, signed, with trailers by which it is known again."""

import pytest
import yaml

from provisioning.drivers.base import DriverRejected
from tests.gitops.world import key, release

FOLDER = "environments/dev/shop"


def test_creating_commits_the_rendered_folder(world):
    spec = world.spec()
    world.carry_out(spec, "create", key("op-1", fence=7))
    files = world.files()
    assert sorted(files) == [
        "README.md",
        f"{FOLDER}/deployment-web.yaml",
        f"{FOLDER}/kustomization.yaml",
        f"{FOLDER}/service-web.yaml",
    ]
    deployment = yaml.safe_load(files[f"{FOLDER}/deployment-web.yaml"])
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["containers"] == [{"name": "web", "image": "example.org/web:1.0.0"}]
    assert world.plan(spec, "create").changes == ()


def test_the_commit_is_signed_and_names_its_operation_fence_and_digest(world):
    reported = world.carry_out(world.spec(), "create", key("op-1", fence=7))
    commit = reported["commit"]["commit"]
    assert commit == world.git("rev-parse", "main")
    assert world.verified(commit)
    message = world.git("log", "-n1", "--format=%B", "main").splitlines()
    assert message[0] == "Create shop in dev"
    assert message[3:5] == ["Berth-Operation: op-1", "Berth-Fence: 7"]
    assert message[5].startswith("Berth-Digest: sha256:")
    assert world.git("log", "-n1", "--format=%an <%ae>", "main") == "Berth <berth@example.org>"


def test_a_commit_of_another_key_is_told_from_ours(world):
    world.carry_out(world.spec(), "create")
    assert not world.verified(world.commit({"other": b"x"}))


def test_planning_reads_and_repeats(world):
    spec = world.spec()
    first = world.plan(spec, "create")
    assert world.plan(spec, "create") == first
    assert [(change.address, change.action) for change in first.changes] == [
        (f"file:{FOLDER}/deployment-web.yaml", "create"),
        (f"file:{FOLDER}/kustomization.yaml", "create"),
        (f"file:{FOLDER}/service-web.yaml", "create"),
    ]
    assert world.commits() == ["Begin"]


def test_a_change_of_a_parameter_is_one_file(world):
    world.carry_out(world.spec(), "create")
    (change,) = world.plan(world.spec(parameters={"replicas": 5}), "update").changes
    assert (change.address, change.action) == (f"file:{FOLDER}/deployment-web.yaml", "change")
    assert (change.before["spec"]["replicas"], change.after["spec"]["replicas"]) == (2, 5)


def test_what_others_write_in_other_words_is_no_change(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    path = f"{FOLDER}/service-web.yaml"
    world.commit({path: b"# ours\n" + world.files()[path].encode()})
    assert world.plan(spec, "reconcile").changes == ()


def test_what_a_stranger_changed_adds_or_removes_is_seen_and_brought_back(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    before = world.files()
    paths = [f"{FOLDER}/{name}" for name in ("deployment-web.yaml", "service-web.yaml", "notes.txt")]
    world.commit({paths[0]: b"kind: Deployment\n", paths[1]: None, paths[2]: b"\xff\x00"})
    changes = {change.address: change.action for change in world.plan(spec, "reconcile").changes}
    assert changes == dict(zip([f"file:{path}" for path in paths], ["change", "create", "destroy"], strict=True))
    world.carry_out(spec, "reconcile")
    assert world.files() == before


def test_the_rest_of_the_repository_stays_as_it_is(world):
    world.commit({"bases/web/kustomization.yaml": b"resources: []\n", "script.sh": b"#!/bin/sh\n"})
    before = world.files()
    world.carry_out(world.spec(), "create")
    world.carry_out(world.spec(), "destroy")
    assert world.files() == before


def test_destroying_removes_the_folder_and_tolerates_absence(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    world.carry_out(spec, "destroy")
    assert sorted(world.files()) == ["README.md"]
    assert world.driver.observe(spec) == {}
    world.carry_out(spec, "destroy")
    assert world.commits() == ["Destroy shop in dev", "Create shop in dev", "Begin"]


def test_a_folder_of_somebody_else_is_left_alone(world):
    path = f"{FOLDER}/values.txt"
    world.commit({path: b"mine"})
    with pytest.raises(DriverRejected, match=f"{FOLDER} is there already on main and belongs to somebody else"):
        world.plan(world.spec(), "create")
    assert world.driver.observe(world.spec()) == {}
    world.carry_out(world.spec(), "destroy")
    assert world.files()[path] == "mine"


def test_an_environment_of_the_same_name_made_later_is_not_the_earlier_one(world):
    earlier = world.spec()
    later = world.spec(id="99999999-0000-4000-8000-000000000000")
    world.carry_out(earlier, "create")
    world.carry_out(earlier, "destroy")
    world.carry_out(later, "create", key("op-9", fence=1))
    assert world.driver.observe(earlier) == {}
    assert len(world.driver.observe(later)) == 3


def test_a_rollback_is_a_commit_that_reverts_what_came_after(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    world.carry_out(world.spec(release=release("1.1.0")), "deploy")
    tree = world.git("rev-parse", f"main:{FOLDER}")
    reverted = []
    for version in ("1.2.0", "1.3.0"):
        reported = world.carry_out(world.spec(release=release(version)), "deploy")
        reverted.insert(0, reported["commit"]["commit"])
    world.carry_out(world.spec(release=release("1.1.0")), "deploy")
    assert world.git("rev-parse", f"main:{FOLDER}") == tree
    assert world.commits()[0] == "Deploy 1.1.0 to shop in dev"
    told = world.git("log", "-n1", "--format=%(trailers:key=Reverts,valueonly)", "main").split()
    assert told == reverted
    assert world.plan(world.spec(release=release("1.1.0")), "reconcile").changes == ()


def test_a_new_release_reverts_nothing(world):
    world.carry_out(world.spec(), "create")
    world.carry_out(world.spec(release=release("1.1.0")), "deploy")
    assert "Reverts" not in world.git("log", "-n1", "--format=%B", "main")


def test_an_empty_repository_gets_its_first_commit(world):
    world.config["branch"] = "live"
    world.carry_out(world.spec(), "create")
    assert world.commits("live") == ["Create shop in dev"]
    assert world.commits("main") == ["Begin"]
