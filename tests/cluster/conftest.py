"""What each test of the built cluster has: an administrator's client and a namespace of its own."""

import pytest

from tests.cluster.client import Client, address


@pytest.fixture(scope="module")
def admin(cluster):
    client = Client(address(cluster.kubeconfig))
    yield client
    client.close()


@pytest.fixture
def namespace(cluster, admin, request):
    name = cluster.namespace(request.node.name.replace("_", "-")[:40].strip("-"))
    admin.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")
