"""What the driver does on a real API server: rollouts, trouble, and how it is told."""

import time
from dataclasses import replace

import pytest

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.drivers.kubernetes.terminating import explain
from tests.kubernetes.objects import DEPLOYMENT, RESOURCES, ROUTE
from tests.kubernetes.world import World, release, standing

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.servers, pytest.mark.timeout(240)]


def addresses(plan):
    return {change.address.rpartition("/")[2]: change.action for change in plan.changes}


def test_the_namespace_says_whose_it_is_what_it_costs_and_when_it_ends():
    with standing(cost_centre="CC 42", expires_at="2026-12-01T00:00:00+00:00") as world:
        meta = world.client.get(f"/api/v1/namespaces/{world.namespace}")["metadata"]
        expected = {"berth/team": "payments", "berth/tier": "dev", "berth/service": "payments-api"}
        assert expected.items() <= meta["labels"].items()
        assert meta["annotations"]["berth/expires-at"] == "2026-12-01T00:00:00+00:00"
        assert meta["labels"]["berth/cost-centre"] == "CC-42"
        assert meta["annotations"]["berth/active"] == ""
        quota = world.live("resourcequotas", "environment", "v1")
        assert quota["spec"]["hard"]["services.loadbalancers"] == "0"


def test_a_field_that_the_template_drops_is_dropped_in_the_cluster():
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "1", "b": "2"}}
    with standing(resources={**RESOURCES, "manifests": [DEPLOYMENT, data]}) as world:
        less = {**data, "data": {"a": "1"}}
        world.change(resources={**RESOURCES, "manifests": [DEPLOYMENT, less]})
        assert addresses(world.carry_out("update")) == {"more": "change"}
        assert world.live("configmaps", "more", "v1")["data"] == {"a": "1"}
        world.change(resources={**RESOURCES, "manifests": [DEPLOYMENT]})
        assert addresses(world.carry_out("update")) == {"more": "destroy"}
        assert world.plan("update").changes == ()


def test_f6_a_release_that_never_gets_well_is_seen_as_mixed_and_can_be_taken_back():
    with standing(parameters={"greeting": "hi", "replicas": 2}) as world:
        world.simulate("pending")
        world.change(release=release(2))
        config = {**world.spec.target.config, "wait_s": 3}
        _reconfigure(world, config)
        with pytest.raises(DriverUnavailable, match="Deployment web"):
            world.carry_out("deploy")
        found = world.driver.health(world.spec)
        assert (found.status, found.releases) == ("mixed", ("1.0.0", "2.0.0"))
        world.change(release=release(1))
        _reconfigure(world, {**config, "wait_s": 30})
        world.simulate("")
        world.carry_out("deploy")
        found = world.driver.health(world.spec)
        assert (found.status, found.releases) == ("healthy", ("1.0.0",))


def test_f1_a_quota_that_is_too_small_is_told_and_undone():
    world = World(resources={**RESOURCES, "namespace": {"quota": {"pods": "0"}}})
    try:
        plan, key = world.plan("create"), world.key()
        steps = world.driver.steps(world.spec, "create", plan)
        with pytest.raises(DriverRejected, match="exceeded quota: environment"):
            _apply(steps, key, world)
        for step in reversed(steps):
            if step.undo:
                step.undo(key, world.lines.append)
        assert dict(world.driver.observe(world.spec)) == {}
    finally:
        world.remove()


def test_a_crashing_pod_is_named_with_the_clusters_reason():
    with standing() as world:
        world.simulate("crash")
        world.change(release=release(2))
        _reconfigure(world, {**world.spec.target.config, "wait_s": 3})
        with pytest.raises(DriverUnavailable, match="CrashLoopBackOff simulated"):
            world.carry_out("deploy")


def test_a_namespace_that_hangs_is_explained():
    with standing() as world:
        settings = f"/api/v1/namespaces/{world.namespace}/configmaps/web"
        world.client.merge(settings, {"metadata": {"finalizers": ["example.org/backup"]}})
        world.client.delete(f"/api/v1/namespaces/{world.namespace}")
        said = _explained(world)
        assert "example.org/backup in 1 resource instances" in said
        with pytest.raises(DriverUnavailable, match="is still being removed"):
            world.carry_out("create")
        world.client.merge(settings, {"metadata": {"finalizers": None}})
        world.carry_out("destroy")
        assert dict(world.driver.observe(world.spec)) == {}


def test_a_namespace_of_somebody_else_is_left_alone():
    world = World()
    world.client.create("/api/v1/namespaces", {"metadata": {"name": world.namespace}})
    try:
        with pytest.raises(DriverRejected, match="is not this environment's"):
            world.plan("create")
        assert dict(world.driver.observe(world.spec)) == {}
        world.carry_out("destroy")
        assert world.client.get(f"/api/v1/namespaces/{world.namespace}")["status"]["phase"] == "Active"
    finally:
        world.remove()


def test_what_a_stranger_changed_after_the_plan_is_not_overwritten():
    with standing() as world:
        world.change(parameters={"greeting": "ho", "replicas": 1})
        plan = world.plan("update")
        path = f"/api/v1/namespaces/{world.namespace}/configmaps/web"
        world.client.merge(path, {"data": {"greeting": "from a stranger"}})
        (write, *_) = world.driver.steps(world.spec, "update", plan)
        with pytest.raises(DriverRejected, match="was changed by someone else since this was planned"):
            write.apply(world.key(), world.lines.append)
        assert world.live("configmaps", "web", "v1")["data"]["greeting"] == "from a stranger"


def test_what_comes_out_otherwise_than_planned_is_not_written():
    with standing() as world:
        world.change(parameters={"greeting": "planned", "replicas": 1})
        plan = world.plan("update")
        world.change(parameters={"greeting": "smuggled in", "replicas": 1})
        (write, *_) = world.driver.steps(world.spec, "update", plan)
        with pytest.raises(DriverRejected, match="would come out otherwise than planned"):
            write.apply(world.key(), world.lines.append)
        assert world.live("configmaps", "web", "v1")["data"]["greeting"] == "hi"


def test_a_plan_is_refused_with_the_field_that_the_cluster_does_not_take():
    with standing() as world:
        world.change(parameters={"greeting": "hi", "replicas": -1})
        with pytest.raises(DriverRejected, match=r"spec\.replicas"):
            world.plan("update")


def test_with_a_namespace_to_try_in_a_mistake_shows_in_the_plan_already():
    world = World(parameters={"greeting": "hi", "replicas": -1})
    _reconfigure(world, {**world.spec.target.config, "trial_namespace": "default"})
    try:
        with pytest.raises(DriverRejected, match=r"spec\.replicas"):
            world.plan("create")
        world.change(parameters={"greeting": "hi", "replicas": 1})
        plan = world.carry_out("create")
        (deployment,) = [change for change in plan.changes if change.address.startswith("Deployment/")]
        assert deployment.after["metadata"]["namespace"] == world.namespace
        assert deployment.after["spec"]["strategy"]["type"] == "RollingUpdate"
        assert world.plan("create").changes == ()
    finally:
        world.remove()


def test_an_environment_that_is_renamed_keeps_its_namespace():
    with standing(name="pool-1") as world:
        former, plan = world.namespace, world.plan("update")
        assert plan.changes == ()
        world.change(name="claimed", team="reliability")
        assert {address.split("/")[1] for address in world.driver.observe(world.spec)} == {former}
        world.carry_out("update")
        assert world.plan("update").changes == ()
        labels = world.client.get(f"/api/v1/namespaces/{former}")["metadata"]["labels"]
        assert labels["berth/team"] == "reliability"
        world.carry_out("destroy")
        assert dict(world.driver.observe(world.spec)) == {}


def test_blue_green_switches_only_when_the_new_release_is_well():
    rollout = {"strategy": "blue-green", "service": "web"}
    with standing(resources={**RESOURCES, "rollout": rollout}) as world:
        world.change(release=release(2))
        world.carry_out("deploy")
        assert world.live("services", "web", "v1")["spec"]["selector"]["berth/slot"] == "green"
        assert world.live("deployments", "web-blue")["spec"]["replicas"] == 0
        world.simulate("pending")
        world.change(release=release(3))
        _reconfigure(world, {**world.spec.target.config, "wait_s": 3})
        with pytest.raises(DriverUnavailable):
            world.carry_out("deploy")
        assert world.live("services", "web", "v1")["spec"]["selector"]["berth/slot"] == "green"


def test_a_canary_gets_its_share_and_then_nothing():
    rollout = {"strategy": "canary", "service": "web", "route": "web", "weights": [10, 50], "pause_s": 0}
    resources = {**RESOURCES, "manifests": [*RESOURCES["manifests"], ROUTE], "rollout": rollout}
    with standing(resources=resources) as world:
        world.change(release=release(2))
        shares, plan, key = [], world.plan("deploy"), world.key()
        for step in world.driver.steps(world.spec, "deploy", plan):
            step.apply(key, world.lines.append)
            shares.append((step.name, _share(world)))
        assert shares == [
            *(("canary", 0), ("share-10", 10), ("share-50", 50), ("workloads", 50), ("wait", 50)),
            *(("share-0", 0), ("retire", 0), ("settle", 0)),
        ]
        assert world.plan("deploy").changes == ()


def test_a_canary_that_gets_ill_loses_its_share():
    rollout = {"strategy": "canary", "service": "web", "route": "web", "weights": [10], "pause_s": 20}
    resources = {**RESOURCES, "manifests": [*RESOURCES["manifests"], ROUTE], "rollout": rollout}
    with standing(resources=resources) as world:
        world.change(release=release(2))
        plan, key = world.plan("deploy"), world.key()
        canary, share, *_ = world.driver.steps(world.spec, "deploy", plan)
        canary.apply(key, world.lines.append)
        world.simulate("crash")
        with pytest.raises(DriverRejected, match="web-canary"):
            share.apply(key, world.lines.append)
        for step in (share, canary):
            step.undo(key, world.lines.append)
        assert _share(world) == 0
        assert world.live("deployments", "web-canary")["spec"]["replicas"] == 0


def test_a_person_who_cancels_is_heard_while_it_waits():
    with standing() as world:
        world.simulate("pending")
        world.change(release=release(2))
        began = time.monotonic()
        with pytest.raises(DriverUnavailable, match="as a person asked"):
            world.carry_out("deploy", world.key(stopping=lambda: True))
        assert time.monotonic() - began < 15


def test_a_changed_job_is_run_again():
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load"}}
    pod = {"restartPolicy": "Never", "containers": [{"name": "load", "image": "shop/load:${greeting}"}]}
    job["spec"] = {"template": {"spec": pod}}
    with standing(resources={**RESOURCES, "manifests": [DEPLOYMENT, job]}) as world:
        first = world.live("jobs", "load", "batch/v1")["metadata"]["uid"]
        world.change(parameters={"greeting": "ho", "replicas": 1})
        assert addresses(world.carry_out("update")) == {"load": "replace"}
        again = world.live("jobs", "load", "batch/v1")
        assert again["metadata"]["uid"] != first
        assert again["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/load:ho"
        assert world.plan("update").changes == ()


def _apply(steps, key, world):
    for step in steps:
        step.apply(key, world.lines.append)


def _reconfigure(world, config):
    world.change(target=replace(world.spec.target, config=config))


def _share(world):
    route = world.live("httproutes", "web", "gateway.networking.k8s.io/v1")
    return {each["name"]: each.get("weight") for each in route["spec"]["rules"][0]["backendRefs"]}["web-canary"]


def _explained(world):
    api = Connections(token=lambda _target: world.where.token, limit_s=20).of(world.spec)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        live = world.client.get(f"/api/v1/namespaces/{world.namespace}")
        said = explain(api, live)
        if "example.org/backup" in said:
            return said
        time.sleep(0.5)
    return said
