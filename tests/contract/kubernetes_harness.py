"""The Kubernetes driver on a real API server. Pods are played by the cluster's simulator; everything else is real."""

import contextlib
import dataclasses
import os
import tempfile
from pathlib import Path

import httpx
import httpx2

from provisioning import vault
from provisioning.drivers.base import TargetSpec
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.drivers.kubernetes.driver import KubernetesDriver
from provisioning.drivers.kubernetes.names import namespace_of
from provisioning.vault import Secret
from tests.cluster import fixtures
from tests.cluster.client import Client, address
from tests.contract.harness import Harness
from tests.kubernetes.objects import RESOURCES, gist, is_made_by_cluster

CREDENTIALS = "targets/contract"
PATHS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "ResourceQuota": "api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "api/v1/namespaces/{}/limitranges",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "CronJob": "apis/batch/v1beta1/namespaces/{}/cronjobs",
}


class KubernetesHarness(Harness):
    slow = True
    name = "kubernetes"
    needs = "built-cluster"

    def missing(self):
        return fixtures.missing(self.needs)

    def start(self, place):
        self.where = address(Path(os.environ[fixtures.KUBECONFIG]))
        self.client, self.away = Client(self.where), False
        vault.from_settings().kv_put(CREDENTIALS, {"token": Secret(self.where.token)})

    def stop(self):
        vault.from_settings().kv_destroy_all(CREDENTIALS)

    def make_driver(self):
        return KubernetesDriver(Connections(_broken if getattr(self, "away", False) else None, limit_s=20))

    def spec(self, name, **changes):
        config = {"server": self.where.url, "ca": self.where.authority, "namespace_prefix": "contract-", "wait_s": 60}
        fields = {
            "target": TargetSpec("contract", config, CREDENTIALS),
            "resources": RESOURCES,
            "parameters": {"greeting": "hi", "replicas": 1},
            "release": self.release(1),
            **changes,
        }
        return self.blank(name, **fields)

    def fingerprint(self, spec):
        namespace = namespace_of(spec)
        try:
            found = {"Namespace": gist(self.client.get(f"/api/v1/namespaces/{namespace}"))}
        except httpx.HTTPStatusError:
            return {}
        for kind, path in PATHS.items():
            for each in self.client.items("/" + path.format(namespace)):
                if not is_made_by_cluster(each):
                    found[f"{kind}/{each['metadata']['name']}"] = gist(each)
        return found

    def changed(self, spec):
        changed = dataclasses.replace(spec, parameters={"greeting": "good day", "replicas": 1})
        return changed, frozenset({f"ConfigMap/{namespace_of(spec)}/web"})

    def vandalise(self, spec):
        namespace = namespace_of(spec)
        self.client.merge(f"/apis/apps/v1/namespaces/{namespace}/deployments/web", {"spec": {"replicas": 3}})
        self.client.delete(f"/api/v1/namespaces/{namespace}/configmaps/web")

    def break_target(self):
        self.away = True

    def mend(self):
        self.away = False

    def bad_spec(self, name):
        return self.spec(name, parameters={"greeting": "hi", "replicas": -1})

    def cleanup(self, spec):
        with contextlib.suppress(httpx.HTTPStatusError):
            self.client.delete(f"/api/v1/namespaces/{namespace_of(spec)}")

    def strays(self, spec):
        namespace = namespace_of(spec)
        self.client.create("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": {"made": "by-hand"}}})
        settings = {"metadata": {"name": "web"}, "data": {"greeting": "by hand"}}
        self.client.create(f"/api/v1/namespaces/{namespace}/configmaps", settings)
        own = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
        pods = {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}}
        pods["template"]["spec"] = {"containers": [{"name": "web", "image": "shop/web:old"}]}
        self.client.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", {**own, "spec": pods})
        addresses = {f"{kind}/{namespace}/web": f"{namespace}/web" for kind in ("ConfigMap", "Deployment")}
        return {f"Namespace/{namespace}": namespace, **addresses}

    def canaries(self, spec):
        return (self.where.token,)

    def leftovers(self):
        return tuple(str(place) for place in Path(tempfile.gettempdir()).glob("berth-[ck]*-*") if _is_ours(place))


class _Away(httpx2.BaseTransport):
    def handle_request(self, request):
        raise httpx2.ConnectError("connection refused")


def _broken(_target):
    return _Away()


def _is_ours(place):
    return place.name.startswith(("berth-chart-", "berth-kustomize-"))
