"""The engines' objects in a cluster, read and written past the driver."""

from pathlib import Path

from provisioning.drivers.gitops.driver import GitopsDriver
from provisioning.drivers.kubernetes.connect import Connections
from tests.cluster.client import Client, address

NAMESPACES = {"argocd": "argocd", "flux": "flux-system"}
KINDS = {
    "argocd": (("argoproj.io/v1alpha1", "applications"),),
    "flux": (
        ("source.toolkit.fluxcd.io/v1", "gitrepositories"),
        ("kustomize.toolkit.fluxcd.io/v1", "kustomizations"),
    ),
}
WISH = "simulate.test/gitops"
QUICK = {"sync_seconds": 60, "health_seconds": 60, "degraded_seconds": 1}


class EngineWorld:
    """One engine in one cluster."""

    def __init__(self, kubeconfig: Path, engine: str) -> None:
        self.engine, self.where = engine, address(kubeconfig)
        self.client = Client(self.where)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACES[engine]}}
        self.client.apply(f"/api/v1/namespaces/{NAMESPACES[engine]}", namespace)

    @property
    def config(self) -> dict[str, object]:
        """What a target says of it."""
        return {"engine": self.engine, "server": self.where.url, "ca": self.where.authority, **QUICK}

    @property
    def connections(self) -> Connections:
        """With the administrator's token instead of one from Vault."""
        return Connections(token=lambda _target: self.where.token, limit_s=20)

    def paths(self, name: str) -> list[str]:
        """Where the objects of an environment are."""
        return [
            f"/apis/{group}/namespaces/{NAMESPACES[self.engine]}/{plural}/{name}"
            for group, plural in KINDS[self.engine]
        ]

    def objects(self, name: str) -> list[dict]:
        """The objects of an environment that are there."""
        found = []
        for path in self.paths(name):
            collection, _, last = path.rpartition("/")
            found += [each for each in self.client.items(collection) if each["metadata"]["name"] == last]
        return found

    def wish(self, name: str, trouble: str | None) -> None:
        """Have the simulator play trouble, on the object whose status counts."""
        self.client.merge(self.paths(name)[-1], {"metadata": {"annotations": {WISH: trouble}}})


def driver_at(kubeconfig: str, engine: str) -> GitopsDriver:
    """The driver of a worker in a process of its own, which needs no credentials for the repository."""
    return GitopsDriver(credentials=lambda _path: {}, connections=EngineWorld(Path(kubeconfig), engine).connections)
