"""A worker that slept past its lease writes nothing that stays: the cluster itself refuses its late calls."""

import os

import pytest

from provisioning.drivers.base import LeaseLost
from tests.cluster import fixtures
from tests.contract.carrying import rebuilt, stored_form
from tests.kubernetes.objects import gist
from tests.kubernetes.world import World, release, standing
from tests.sleeper import sleeper

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.servers, pytest.mark.timeout(240)]
KINDS = {
    "deployments": "apis/apps/v1",
    "configmaps": "api/v1",
    "services": "api/v1",
    "cronjobs": "apis/batch/v1beta1",
}


@pytest.fixture(scope="module")
def world():
    with standing() as made:
        yield made


def everything(world):
    found = [
        gist(each)
        for kind, root in KINDS.items()
        for each in world.client.items(f"/{root}/namespaces/{world.namespace}/{kind}")
    ]
    return [*found, gist(world.client.get(f"/api/v1/namespaces/{world.namespace}"))]


def run_to_end(world, verb, plan, key):
    for step in world.driver.steps(world.spec, verb, plan):
        step.apply(key, world.lines.append)


def ask_for(world, verb, n):
    """Give the verb something to do, another time."""
    if verb == "update":
        world.change(parameters={"greeting": f"hello {verb} {n}", "replicas": 1})
    elif verb == "deploy":
        world.change(release=release(int(str(n).split()[-1]) + 10))
    elif verb == "resume":
        world.carry_out("suspend")
    elif verb == "suspend":
        world.carry_out("resume")


@pytest.mark.parametrize("verb", ["update", "suspend", "resume"])
def test_a_worker_that_slept_between_guard_and_write_is_refused_by_the_cluster(world, verb):
    """While it sleeps another owner carries out the same plan; nothing of what that left is written again."""
    for n in range(1, 30):
        ask_for(world, verb, n)
        plan, calls, left = world.plan(verb), [], []

        def guard(calls=calls, left=left, n=n, plan=plan):
            calls.append(n)
            if len(calls) == n:
                run_to_end(world, verb, rebuilt(stored_form(plan)), world.key())
                left.append(everything(world))

        try:
            run_to_end(world, verb, plan, world.key(guard))
        except LeaseLost:
            assert everything(world) == left[0], f"asleep at guard {n}"
        else:
            assert len(calls) < n, f"the cluster took a late write, asleep at guard {n}"
            break
    assert n > 2


@pytest.fixture(scope="module")
def sleeping():
    """A worker in a process of its own, stopped by SIGSTOP from test to test."""
    with sleeper("tests.kubernetes.world:driver_at", os.environ[fixtures.KUBECONFIG]) as worker:
        yield worker


def stopped(sleeping, world, verb, at, **where):
    """It began the verb and was stopped between this guard and its write; the plan as another worker gets it."""
    plan = world.plan(verb)
    assert sleeping.falls_asleep(world.spec, verb, plan, world.key(operation=f"{verb} {at}"), at, **where)
    return rebuilt(stored_form(plan))


def continued(sleeping, world):
    """It goes on, and writes nothing."""
    left = everything(world)
    assert sleeping.goes_on() == "LeaseLost"
    assert everything(world) == left


CHANGING = [(verb, at) for verb in ("update", "deploy", "suspend", "resume") for at in ("begin", "_fenced", "end")]
# What a stranger removed is made anew.
MENDING = [("reconcile", at) for at in ("begin", "_fenced", "_owned", "end")]


def test_a_process_stopped_before_any_kind_of_write_changes_nothing_when_it_goes_on(world, sleeping):
    for n, (verb, at) in enumerate(CHANGING):
        ask_for(world, verb, f"{at} {n}")
        plan = stopped(sleeping, world, verb, at)
        run_to_end(world, verb, plan, world.key(operation=f"{verb} {at}"))
        continued(sleeping, world)


@pytest.mark.parametrize(("verb", "at"), MENDING)
def test_a_process_stopped_while_it_mends_makes_nothing_twice(world, sleeping, verb, at):
    world.client.delete(f"/api/v1/namespaces/{world.namespace}/configmaps/web")
    plan = stopped(sleeping, world, verb, at)
    run_to_end(world, verb, plan, world.key(operation=f"{verb} {at}"))
    continued(sleeping, world)


@pytest.mark.parametrize("at", ["begin", "_fenced"])
def test_a_process_stopped_while_it_undoes_undoes_nothing_twice(world, sleeping, at):
    world.change(parameters={"greeting": f"undone at {at}", "replicas": 1})
    plan, operation = world.plan("update"), f"update {at}"
    run_to_end(world, "update", plan, world.key(operation=operation))
    assert sleeping.falls_asleep(world.spec, "update", plan, world.key(operation=operation), at, undo=True)
    undo(world, "update", plan, world.key(operation=operation))
    continued(sleeping, world)


def undo(world, verb, plan, key):
    for step in reversed(world.driver.steps(world.spec, verb, plan)):
        if step.undo is not None:
            step.undo(key, world.lines.append)


# The namespace itself, its fields, an object in it, the last write; then what is removed, by kind and whole.
MAKING = [("_fenced", 1), ("_owned", 1), ("_fenced", 5), ("end", 1)]
REMOVING = [("begin", 1), ("_fenced", 1), ("_fenced", 3)]


@pytest.mark.parametrize(("at", "nth"), MAKING)
def test_what_a_creator_that_was_stopped_still_makes_is_removed_by_the_look_afterwards(sleeping, at, nth):
    world = World(f"made-{at.strip('_')}-{nth}")
    try:
        plan = stopped(sleeping, world, "create", at, nth=nth)
        run_to_end(world, "create", plan, world.key(operation=f"create {at}"))
        world.carry_out("destroy")
        assert sleeping.goes_on() != "done"
        world.carry_out("destroy")
        assert world.driver.observe(world.spec) == {}
    finally:
        world.remove()


@pytest.mark.parametrize(("at", "nth"), REMOVING)
def test_a_destroyer_that_was_stopped_finds_nothing_left_to_remove(sleeping, at, nth):
    with standing(name=f"gone-{at.strip('_')}-{nth}") as world:
        plan = stopped(sleeping, world, "destroy", at, nth=nth)
        run_to_end(world, "destroy", plan, world.key(operation=f"destroy {at}"))
        assert sleeping.goes_on() in {"Gone", "done"}
        assert world.driver.observe(world.spec) == {}


def test_an_older_fence_is_refused_before_it_writes_anything(world):
    older, newer = world.key(), world.key()
    world.change(parameters={"greeting": "newest", "replicas": 1})
    world.carry_out("update", newer)
    world.change(parameters={"greeting": "older", "replicas": 1})
    left = everything(world)
    with pytest.raises(LeaseLost):
        world.carry_out("update", older)
    assert everything(world) == left


def test_every_object_says_which_fence_wrote_it(world):
    for kind, root in KINDS.items():
        for each in world.client.items(f"/{root}/namespaces/{world.namespace}/{kind}"):
            if each["metadata"]["name"] != "kube-root-ca.crt":
                assert int(each["metadata"]["annotations"]["berth/fence"]) > 0
