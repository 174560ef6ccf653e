"""Argo CD and Flux through a real API server. The controllers are played: they read Git and write status alone."""

import time
from uuid import uuid4

import pytest

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost
from provisioning.drivers.kubernetes.connect import Connections
from tests.gitops.cluster import NAMESPACES, EngineWorld
from tests.gitops.world import key, release

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.servers]


@pytest.fixture(params=["argocd", "flux"])
def engine(request, cluster):
    return EngineWorld(cluster.kubeconfig, request.param)


@pytest.fixture
def live(world, engine):
    """An environment's world with an engine; the environment is gone afterwards."""
    world.config |= engine.config
    world.connections = engine.connections
    world.driver = world.new_driver()
    world.name = f"shop-{uuid4().hex[:8]}"
    yield world
    for path in engine.paths(f"dev-{world.name}"):
        engine.client.delete(path)


@pytest.fixture
def spec(live):
    return live.spec(live.name)


def announced(world, spec, verb="create"):
    """The steps of an operation of which all before `synced` are done."""
    steps = world.steps(spec, verb)
    for name in ("commit", "push", "application"):
        steps[name].apply(key("op-1"), world.lines.append)
    return steps


def test_creating_ends_synced_and_healthy(live, engine, spec):
    reported = live.carry_out(spec, "create")
    assert reported["synced"] == {"revision": live.git("rev-parse", "main")}
    assert len(engine.objects(f"dev-{live.name}")) == {"argocd": 1, "flux": 2}[engine.engine]
    assert live.plan(spec, "create").changes == ()
    health = live.driver.health(spec)
    assert (health.status, health.reason, health.releases) == ("healthy", "", ("1.0.0",))


def test_the_objects_name_repository_branch_and_folder(live, engine, spec):
    live.carry_out(spec, "create")
    objects = engine.objects(f"dev-{live.name}")
    source, folder = objects[0]["spec"], f"environments/dev/{live.name}"
    if engine.engine == "argocd":
        wanted = {"repoURL": f"file://{live.remote}", "targetRevision": "main", "path": folder}
        assert source["source"] == wanted
        assert objects[0]["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    else:
        assert (source["url"], source["ref"]) == (f"file://{live.remote}", {"branch": "main"})
        assert (objects[1]["spec"]["path"], objects[1]["spec"]["prune"]) == (f"./{folder}", True)


def test_every_release_waits_for_its_own_revision(live, spec):
    live.carry_out(spec, "create")
    later = live.spec(live.name, release=release("2.0.0"))
    assert live.carry_out(later, "deploy")["synced"] == {"revision": live.git("rev-parse", "main")}


def test_a_release_whose_resources_stay_degraded_fails_for_good(live, engine, spec):
    steps = announced(live, spec)
    engine.wish(f"dev-{live.name}", "degraded")
    steps["synced"].apply(key("op-1"), live.lines.append)
    with pytest.raises(DriverRejected, match=r"It is synced, but .* finds it degraded: simulated"):
        steps["healthy"].apply(key("op-1"), live.lines.append)
    assert live.driver.health(spec).status == "degraded"


def test_a_sync_that_fails_is_told_with_its_reason(live, engine, spec):
    live.config["sync_seconds"] = 15
    spec = live.spec(live.name)
    steps = announced(live, spec)
    engine.wish(f"dev-{live.name}", "failing")
    with pytest.raises(DriverRejected, match="cannot sync it: simulated"):
        steps["synced"].apply(key("op-1"), live.lines.append)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [("never", "has never looked at it in 8 s"), ("out-of-sync", "finds the cluster out of sync")],
)
def test_what_does_not_come_in_time_is_tried_again_later(live, engine, spec, trouble, sentence):
    live.config["sync_seconds"] = 8
    spec = live.spec(live.name)
    steps = live.steps(spec, "create")
    for name in ("commit", "push"):
        steps[name].apply(key("op-1"), live.lines.append)
    _announce_with(engine, steps, live, trouble)
    with pytest.raises(DriverUnavailable, match=sentence):
        steps["synced"].apply(key("op-1"), live.lines.append)


def _announce_with(engine, steps, live, trouble):
    """The object carries the wish from its first moment, or the player would have looked at it already."""
    steps["application"].apply(key("op-1"), live.lines.append)
    path = engine.paths(f"dev-{live.name}")[-1]
    there = engine.client.get(path)
    engine.client.delete(path)
    kept = {name: value for name, value in there["metadata"].items() if name in {"name", "namespace", "annotations"}}
    kept["annotations"] = {**kept["annotations"], "simulate.test/gitops": trouble}
    collection = path.rpartition("/")[0]
    _until(lambda: not [o for o in engine.client.items(collection) if o["metadata"]["name"] == kept["name"]])
    engine.client.create(collection, {**{k: there[k] for k in ("apiVersion", "kind", "spec")}, "metadata": kept})


def _until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_destroying_removes_the_objects_and_the_folder(live, engine, spec):
    live.carry_out(spec, "create")
    live.carry_out(spec, "destroy")
    assert engine.objects(f"dev-{live.name}") == []
    assert sorted(live.files()) == ["README.md"]
    assert live.driver.observe(spec) == {}
    live.carry_out(spec, "destroy")


def test_what_a_stranger_changed_in_the_cluster_is_brought_back(live, engine, spec):
    live.carry_out(spec, "create")
    path = engine.paths(f"dev-{live.name}")[0]
    part = {"source": {"path": "elsewhere"}} if engine.engine == "argocd" else {"ref": {"branch": "other"}}
    engine.client.merge(path, {"spec": part})
    (change,) = live.plan(spec, "reconcile").changes
    assert change.action == "change"
    live.carry_out(spec, "reconcile")
    assert live.plan(spec, "reconcile").changes == ()


def test_an_object_of_somebody_else_is_left_alone(live, engine, spec):
    path = engine.paths(f"dev-{live.name}")[-1]
    live.carry_out(spec, "create")
    there = engine.client.get(path)
    engine.client.merge(path, {"metadata": {"annotations": {"berth/environment": "another"}}})
    changed = live.steps(spec, "update")
    with pytest.raises(DriverRejected, match="is there already and is not ours"):
        changed["application"].apply(key("op-2"), live.lines.append)
    live.carry_out(spec, "destroy")
    assert engine.client.get(path)["spec"] == there["spec"]


def test_an_outdated_worker_writes_no_object(live, engine, spec):
    live.carry_out(spec, "create", key("op-1", fence=50))
    path = engine.paths(f"dev-{live.name}")[0]
    engine.client.merge(
        path, {"spec": {"project": "other"}} if engine.engine == "argocd" else {"spec": {"interval": "9m"}}
    )
    before = engine.client.get(path)["spec"]
    with pytest.raises(LeaseLost, match="newer fence 50"):
        live.steps(spec, "reconcile")["application"].apply(key("op-0", fence=49), live.lines.append)
    assert engine.client.get(path)["spec"] == before


def test_undoing_a_creation_removes_the_objects(live, engine, spec):
    steps = announced(live, spec)
    for name in ("application", "push"):
        steps[name].undo(key("op-1"), live.lines.append)
    assert engine.objects(f"dev-{live.name}") == []
    assert live.driver.observe(spec) == {}


def test_a_target_is_checked_from_git_to_the_kinds_of_the_engine(live, engine):
    title = {"argocd": "Argo CD", "flux": "Flux"}[engine.engine]
    said = live.driver.check(live.target)
    assert said.startswith(
        f"main stands at {live.git('rev-parse', 'main')[:12]}; commits can be signed; Kubernetes v1."
    )
    assert said.endswith(f"serves the kinds of {title}.")


def test_a_cluster_that_does_not_answer_is_only_late(live, engine, spec):
    live.config["server"] = "https://127.0.0.1:9"
    live.connections = Connections(token=lambda _target: "x")
    live.driver = live.new_driver()
    with pytest.raises(DriverUnavailable, match="The cluster does not answer"):
        live.driver.observe(live.spec(live.name))
    assert NAMESPACES[engine.engine]
