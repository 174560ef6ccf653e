"""An environment is a commit: made once, signed, with trailers by which it is known again."""

import pytest
import yaml

from provisioning.drivers.base import DriverRejected
from tests.gitops.world import key

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
    commit = reported["push"]["commit"]
    assert commit == world.git("rev-parse", "main") == reported["commit"]["commit"]
    assert world.verified(commit)
    message = world.git("log", "-n1", "--format=%B", "main").splitlines()
    assert message[0] == "Create shop in dev"
    assert message[3:5] == ["Berth-Operation: op-1", "Berth-Fence: 7"]
    assert message[5].startswith("Berth-Digest: sha256:")
    assert world.git("log", "-n1", "--format=%an <%ae>", "main") == "Berth <berth@example.org>"
