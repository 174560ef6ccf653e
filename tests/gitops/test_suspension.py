"""Suspending sets every replica count to zero by one patch; resuming takes exactly that patch back."""

import json
from dataclasses import replace

import pytest
import yaml

from provisioning.drivers.base import DriverRejected
from tests.gitops.world import DEPLOYMENT, release

FOLDER = "environments/dev/shop"
PATH = f"{FOLDER}/kustomization.yaml"
JOB = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"}, "spec": {"schedule": "0 3 * * *"}}
CHART = {
    "name": "shop",
    "version": "1.4.0",
    "repository": "https://charts.example.org",
    "values": {"web": {"replicas": "${replicas}"}, "image": "${release.version}"},
    "replicas": ["web.replicas"],
}


def kustomization(world):
    return yaml.safe_load(world.files()[PATH])


def suspended(spec):
    return replace(spec, suspended=True)


def test_suspending_patches_the_counts_and_remembers_them(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    before = world.files()
    world.carry_out(spec, "suspend")
    changed = {path for path, content in world.files().items() if before[path] != content}
    assert changed == {PATH}
    whole = kustomization(world)
    assert whole["replicas"] == [{"name": "web", "count": 0}]
    assert json.loads(whole["metadata"]["annotations"]["berth/replicas"])["counts"] == {"web": 2}
    assert world.plan(suspended(spec), "suspend").changes == ()


def test_resuming_restores_every_byte(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    before = world.files()
    world.carry_out(spec, "suspend")
    world.carry_out(suspended(spec), "resume")
    assert world.files() == before
    assert world.plan(spec, "resume").changes == ()
    assert world.commits()[:2] == ["Resume shop in dev", "Suspend shop in dev"]


def test_a_count_that_people_committed_survives_a_suspension(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    path = f"{FOLDER}/deployment-web.yaml"
    world.commit({path: world.files()[path].replace("replicas: 2", "replicas: 7").encode()})
    before = world.files()
    world.carry_out(spec, "suspend")
    assert json.loads(kustomization(world)["metadata"]["annotations"]["berth/replicas"])["counts"] == {"web": 7}
    world.carry_out(suspended(spec), "resume")
    assert world.files() == before


def test_counts_of_a_base_and_cron_jobs_are_stopped_and_restored_too(world):
    bases = {"resources": ["../../../bases/api"], "replicas": [{"name": "api", "count": "${replicas}"}]}
    spec = world.spec(resources={"kustomization": bases, "manifests": [JOB]})
    world.carry_out(spec, "create")
    before = world.files()
    world.carry_out(spec, "suspend")
    whole = kustomization(world)
    assert whole["replicas"] == [{"name": "api", "count": 0}]
    assert whole["patches"][0]["target"] == {"kind": "CronJob", "name": "night"}
    assert yaml.safe_load(whole["patches"][0]["patch"]) == [{"op": "add", "path": "/spec/suspend", "value": True}]
    world.carry_out(suspended(spec), "resume")
    assert world.files() == before


def test_a_release_deployed_while_suspended_stays_stopped(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    world.carry_out(spec, "suspend")
    later = suspended(world.spec(release=release("2.0.0")))
    world.carry_out(later, "deploy")
    assert kustomization(world)["replicas"] == [{"name": "web", "count": 0}]
    assert "example.org/web:2.0.0" in world.files()[f"{FOLDER}/deployment-web.yaml"]
    world.carry_out(later, "resume")
    assert "replicas" not in kustomization(world)


def test_the_values_of_a_chart_are_set_to_zero_and_back(world):
    spec = world.spec(resources={"initial": {"version": "1.0.0"}, "chart": CHART})
    world.carry_out(spec, "create")
    before = world.files()
    values = yaml.safe_load(before[f"{FOLDER}/values.yaml"])
    assert values["shop"] == {"web": {"replicas": 2}, "image": "1.0.0"}
    world.carry_out(spec, "suspend")
    assert yaml.safe_load(world.files()[f"{FOLDER}/values.yaml"])["shop"]["web"] == {"replicas": 0}
    world.carry_out(suspended(spec), "resume")
    assert world.files() == before


@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        (
            {"manifests": [{**DEPLOYMENT, "kind": "ConfigMap", "spec": {}}]},
            "Nothing in these files has a replica count",
        ),
        ({"chart": {**CHART, "replicas": []}}, "names no replica counts of its chart"),
        ({"chart": {**CHART, "replicas": ["api.replicas"]}}, "api.replicas should be a replica count"),
    ],
)
def test_what_cannot_be_suspended_says_so_and_stays(world, resources, sentence):
    spec = world.spec(resources={"initial": {"version": "1.0.0"}, **resources})
    world.carry_out(spec, "create")
    with pytest.raises(DriverRejected, match=sentence):
        world.plan(spec, "suspend")
    assert world.commits() == ["Create shop in dev", "Begin"]
