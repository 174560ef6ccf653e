"""An environment on a real API server by way of the engine: requested, planned, carried out, verified, recorded."""

import dataclasses
import os
from pathlib import Path

import pytest

from audit.context import context
from provisioning import vault
from provisioning.drivers import registry
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.models import Environment, Operation, Target
from provisioning.vault import Secret
from tests import people
from tests.cluster import fixtures
from tests.cluster.client import Client, address
from tests.kubernetes.objects import RESOURCES
from tests.provisioning.engine import ask, drain, ready, requested

pytestmark = [
    pytest.mark.needs("built-cluster"),
    pytest.mark.servers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240),
]
PARAMETERS = {
    "type": "object",
    "properties": {
        "greeting": {"type": "string", "title": "Greeting", "maxLength": 40, "default": "hi"},
        "replicas": {"type": "integer", "title": "Replicas", "minimum": 0, "maximum": 5, "default": 1},
    },
    "required": ["greeting", "replicas"],
    "additionalProperties": False,
    "x-order": ["greeting", "replicas"],
}


@pytest.fixture
def where(monkeypatch):
    found = address(Path(os.environ[fixtures.KUBECONFIG]))
    # The engine's tests have calls of half a second, which a busy machine does not keep.
    monkeypatch.setattr(registry.driver("kubernetes"), "_connections", Connections(limit_s=20))
    vault.from_settings().kv_put("targets/eu-1", {"token": Secret(found.token)})
    yield found
    vault.from_settings().kv_destroy_all("targets/eu-1")


def made(where, resources=RESOURCES):
    """The organisation with a template of this driver and a registered cluster."""
    found = people.make()
    config = {"server": where.url, "ca": where.authority, "namespace_prefix": "engine-", "wait_s": 40}
    with context(by="system:test"):
        Target.objects.create(slug="eu-1", name="eu 1", driver="kubernetes", config=config, credentials="targets/eu-1")
        fields = {"target": "eu-1", "resources": resources, "parameters": PARAMETERS}
        version = people.make_version(driver="kubernetes", digest="sha256:" + "b" * 64, number="2.0.0", **fields)
    return dataclasses.replace(found, version=version)


def test_an_environment_lives_its_whole_life_in_a_cluster(where):
    demo = made(where)
    environment = ready(demo, parameters={"greeting": "hi", "replicas": 1})
    client, namespace = Client(where), environment.outputs["namespace"]
    assert namespace.startswith("engine-payments-api-dev-")
    for kind, changes, status in [
        ("update", {"arguments": {"parameters": {"greeting": "ho", "replicas": 2}}}, "ready"),
        ("suspend", {}, "suspended"),
        ("resume", {}, "ready"),
    ]:
        operation = ask(demo, environment, kind, **changes)
        drain()
        environment.refresh_from_db()
        assert environment.status == status, Operation.objects.get(pk=operation.pk).error
    deployment = client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
    assert deployment["spec"]["replicas"] == 2
    assert client.get(f"/api/v1/namespaces/{namespace}/configmaps/web")["data"]["greeting"] == "ho"
    ask(demo, environment, "destroy")
    drain()
    assert Environment.objects.get(pk=environment.pk).status == "destroyed"
    assert client.items("/api/v1/namespaces", fieldSelector=f"metadata.name={namespace}") == []


def test_f1_a_creation_that_fails_leaves_nothing_behind(where):
    demo = made(where, {**RESOURCES, "namespace": {"quota": {"pods": "0"}}})
    operation = requested(demo, parameters={"greeting": "hi", "replicas": 1})
    drain()
    operation.refresh_from_db()
    assert operation.status == "rolled_back"
    assert "exceeded quota: environment" in operation.error
    label = f"berth/environment={operation.environment_id}"
    assert Client(where).items("/api/v1/namespaces", labelSelector=label) == []
    failed = operation.steps.get(status="failed")
    assert failed.name == "wait"
