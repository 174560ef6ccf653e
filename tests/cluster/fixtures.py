"""The fixture `cluster`: the cluster of this run, and a prefix for namespaces that are gone when the run ends."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

KUBECONFIG = "BERTH_TEST_KUBECONFIG"
KIND = "BERTH_TEST_CLUSTER_KIND"
ABSENT = "No Kubernetes cluster. make test-cluster builds and starts one, or uses the one in KUBECONFIG."
NOT_BUILT = "Only the cluster that make test-cluster builds has the simulators and reaches this machine."


@dataclass(frozen=True)
class Cluster:
    """`prefix` begins the name of every namespace that a test makes."""

    kubeconfig: Path
    prefix: str

    def namespace(self, name: str) -> str:
        """The name of a namespace of this run."""
        return f"{self.prefix}-{name}"


def missing(what: str) -> str:
    """Why `cluster`, or `built-cluster`, is not there; nothing when it is."""
    if not os.environ.get(KUBECONFIG):
        return ABSENT
    return NOT_BUILT if what == "built-cluster" and os.environ.get(KIND) != "built" else ""


def mark(item: pytest.Item) -> None:
    """Let `-m cluster` choose what needs one."""
    if any(str(needed.args[0]).endswith("cluster") for needed in item.iter_markers("needs")):
        item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Wherever KUBECONFIG points, it leaves no namespace behind."""
    found = Cluster(Path(os.environ[KUBECONFIG]), f"berth-test-{secrets.token_hex(3)}")
    yield found
    _remove_namespaces(found)


def _remove_namespaces(cluster: Cluster) -> None:
    from lightkube import Client, KubeConfig
    from lightkube.resources.core_v1 import Namespace

    client = Client(config=KubeConfig.from_file(cluster.kubeconfig), trust_env=False)
    for namespace in client.list(Namespace):
        assert namespace.metadata
        name = namespace.metadata.name or ""
        if name.startswith(f"{cluster.prefix}-"):
            client.delete(Namespace, name)
