"""What stands around an environment's workloads: namespace, quota, limits, network, accounts, references to secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provisioning import vault
from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.manifests import ACCOUNT
from provisioning.drivers.kubernetes.names import labels_of

QUOTA = {"pods": "50", "requests.cpu": "4", "requests.memory": "8Gi", "services.loadbalancers": "0"}
LIMITS = {
    "default": {"cpu": "500m", "memory": "512Mi"},
    "default_request": {"cpu": "100m", "memory": "128Mi"},
}
_POD_SECURITY = ("privileged", "baseline", "restricted")


def namespace_object(spec: EnvironmentSpec, namespace: str) -> Object:
    """The environment's namespace."""
    config = spec.target.config if spec.target else {}
    level = str(config.get("pod_security", "baseline"))
    if level not in _POD_SECURITY:
        raise DriverRejected(f"The target's pod_security is {level}; it must be one of {', '.join(_POD_SECURITY)}.")
    labels = {
        **labels_of(spec),
        "app.kubernetes.io/managed-by": "berth",
        "pod-security.kubernetes.io/enforce": level,
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}


def surroundings(spec: EnvironmentSpec, namespace: str, part: Mapping[str, Any]) -> Iterator[Object]:
    """Every object around the workloads but the namespace; `part` is the template's, its places filled."""

    def made(api_version: str, kind: str, name: str, **body: Any) -> Object:
        meta = {"name": name, "namespace": namespace, "labels": labels_of(spec)}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, **body}

    yield made("v1", "ResourceQuota", "environment", spec={"hard": _texts(part.get("quota") or QUOTA)})
    limits = {**LIMITS, **(part.get("limits") or {})}
    named = {"default": "default", "default_request": "defaultRequest", "max": "max"}
    limit = {named[key]: _texts(value) for key, value in limits.items()}
    yield made("v1", "LimitRange", "environment", spec={"limits": [{"type": "Container", **limit}]})
    for name, rules in _network(part.get("network") or {}):
        yield made("networking.k8s.io/v1", "NetworkPolicy", name, spec={"podSelector": {}, **rules})
    yield made("v1", "ServiceAccount", ACCOUNT, automountServiceAccountToken=False)
    for number, access in enumerate(part.get("access") or [], 1):
        yield made(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            f"access-{number}",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": access["role"]},
            subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": access["group"]}],
        )


def secret_references(spec: EnvironmentSpec, namespace: str) -> Iterator[Object]:
    """One ExternalSecret for each secret: where it stands in Vault. Its value never passes Berth."""
    config = spec.target.config if spec.target else {}
    store = config.get("secret_store") or {}
    if spec.secrets and not store.get("name"):
        raise DriverRejected("The target has no secret_store, from which the cluster's External Secrets would read.")
    for secret in spec.secrets:
        name = secret.name.replace("_", "-")
        yield {
            "apiVersion": str(store.get("api_version", "external-secrets.io/v1")),
            "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": namespace, "labels": labels_of(spec)},
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"name": store["name"], "kind": str(store.get("kind", "ClusterSecretStore"))},
                "target": {"name": name, "creationPolicy": "Owner"},
                "dataFrom": [{"extract": {"key": f"{vault.MOUNT}/{secret.path}"}}],
            },
        }


def _network(part: Mapping[str, Any]) -> Iterator[tuple[str, Object]]:
    """Nothing in or out, but names and each other; then what the template opens."""
    yield "default-deny", {"policyTypes": ["Ingress", "Egress"]}
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    yield "allow-names", {"policyTypes": ["Egress"], "egress": [{"to": [{"namespaceSelector": {}}], "ports": ports}]}
    own: list[Object] = [{"podSelector": {}}]
    yield (
        "allow-each-other",
        {"policyTypes": ["Ingress", "Egress"], "ingress": [{"from": own}], "egress": [{"to": own}]},
    )
    if opened := part.get("ingress_from"):
        sources = [{"namespaceSelector": {"matchLabels": dict(labels)}} for labels in opened]
        yield "allow-ingress", {"policyTypes": ["Ingress"], "ingress": [{"from": sources}]}
    if reached := part.get("egress_to"):
        blocks = [{"ipBlock": {"cidr": cidr}} for cidr in reached]
        yield "allow-egress", {"policyTypes": ["Egress"], "egress": [{"to": blocks}]}


def _texts(quantities: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in quantities.items()}
