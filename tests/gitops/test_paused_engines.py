"""A worker stopped past its lease before it writes an engine's objects: the cluster refuses, or the next look removes.

Its pushes to the repository are in test_paused.py.
"""

import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster import fixtures
from tests.contract.carrying import rebuilt, stored_form
from tests.gitops.cluster import EngineWorld
from tests.gitops.world import World, key, release
from tests.sleeper import sleeper

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.servers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", params=["argocd", "flux"])
def engine(request):
    return EngineWorld(Path(os.environ[fixtures.KUBECONFIG]), request.param)


@pytest.fixture(scope="module")
def sleeping(engine, tmp_path_factory):
    """A worker in a process of its own, and the directory in which it looks for repositories."""
    place = tmp_path_factory.mktemp("var")
    maker = ("tests.gitops.cluster:driver_at", os.environ[fixtures.KUBECONFIG], engine.engine)
    with sleeper(*maker, BERTH_VAR=str(place)) as worker:
        worker.place = place
        yield worker


@pytest.fixture
def live(sleeping, engine, settings):
    """An environment's world with an engine; commits are not signed. The environment is gone afterwards."""
    settings.BERTH = replace(settings.BERTH, var=sleeping.place)
    home = sleeping.place / uuid4().hex
    home.mkdir()
    world = World(home, config={**engine.config, "signing": "none"}, connections=engine.connections)
    world.name = f"shop-{home.name[:8]}"
    yield world
    for path in engine.paths(f"dev-{world.name}"):
        engine.client.delete(path)


def everything(live, engine):
    """Refs, and what of the engine's objects is Berth's."""
    objects = engine.objects(f"dev-{live.name}")
    notes = [{k: v for k, v in each["metadata"]["annotations"].items() if "berth" in k} for each in objects]
    return live.git("for-each-ref"), [each["spec"] for each in objects], notes


def stopped(sleeping, live, spec, verb, at, operation):
    """Whether it was stopped there and another one carried the verb out; else how it ended is left to be read."""
    plan = live.plan(spec, verb)
    if not sleeping.falls_asleep(spec, verb, plan, key(operation), at):
        return False
    by = key(operation)
    for step in live.driver.steps(spec, verb, rebuilt(stored_form(plan))):
        step.apply(by, live.lines.append)
    return True


def test_what_a_stopped_creator_still_makes_is_removed_by_the_look_afterwards(sleeping, live, engine):
    spec = live.spec(live.name, secrets=())
    assert stopped(sleeping, live, spec, "create", "_write", "op-1")
    live.carry_out(spec, "destroy")
    assert sleeping.goes_on() == "LeaseLost"
    live.carry_out(spec, "destroy")
    assert live.driver.observe(spec) == {}
    assert engine.objects(f"dev-{live.name}") == []


def test_whoever_is_stopped_before_a_change_of_the_objects_changes_nothing_afterwards(sleeping, live, engine):
    spec = live.spec(live.name, secrets=())
    live.carry_out(spec, "create")
    part = {"project": "other"} if engine.engine == "argocd" else {"interval": "9m"}
    engine.client.merge(engine.paths(f"dev-{live.name}")[0], {"spec": part})
    assert stopped(sleeping, live, spec, "reconcile", "_write", "op-2")
    left = everything(live, engine)
    assert sleeping.goes_on() == "LeaseLost"
    assert everything(live, engine) == left
    for n in range(2, 12):
        if stopped(sleeping, live, replace(spec, release=release(f"{n}.0.0")), "deploy", "ask_to_look", f"op-{n + 1}"):
            break
        # An engine that looked by itself in that moment is not asked to.
        assert sleeping.goes_on() == "done"
    else:
        pytest.fail("it was never asked to look")
    left = everything(live, engine)
    # Only a hint: it is refused, and what it asked for has come.
    assert sleeping.goes_on() == "done"
    assert everything(live, engine) == left


def test_whoever_is_stopped_before_it_removes_the_objects_leaves_nothing(sleeping, live, engine):
    spec = live.spec(live.name, secrets=())
    live.carry_out(spec, "create")
    assert stopped(sleeping, live, spec, "destroy", "_remove", "op-4")
    assert sleeping.goes_on() in {"LeaseLost", "done"}
    assert live.driver.observe(spec) == {}
    assert sorted(live.files()) == ["README.md"]
