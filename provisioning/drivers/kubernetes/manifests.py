"""Which objects a template may bring, and what each of them is given: namespace, labels, account, order.

Templates never reach out of the environment's namespace and never hold a secret's value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec, SecretSpec
from provisioning.drivers.kubernetes import names
from provisioning.drivers.kubernetes.api import Object

ACCOUNT = "app"
# The order of writing; the reverse is the order of removal. Everything else stands between.
_FIRST = (
    "Namespace",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ExternalSecret",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
)
_LAST = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "HTTPRoute", "Ingress", "HorizontalPodAutoscaler")
_CLUSTER_WIDE = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "StorageClass",
        "PriorityClass",
        "RuntimeClass",
        "IngressClass",
        "GatewayClass",
        "APIService",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "PodSecurityPolicy",
        "CertificateSigningRequest",
    }
)
# Berth's own fence around the environment: a template that wrote these could open it.
_OURS = frozenset({"ResourceQuota", "LimitRange", "NetworkPolicy"})
_POD_PATHS = {"CronJob": ("jobTemplate", "spec", "template"), "Pod": ()}
_WITH_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})


def refuse_unfit(body: Mapping[str, Any], namespace: str = "") -> None:
    """Raise DriverRejected for an object that no template may bring; `namespace` is the only one it may name."""
    kind, meta = body.get("kind"), body.get("metadata")
    if not isinstance(kind, str) or not isinstance(body.get("apiVersion"), str) or not isinstance(meta, Mapping):
        raise DriverRejected("An object of the template has no kind, apiVersion or metadata.")
    if not isinstance(meta.get("name"), str) or not meta["name"]:
        raise DriverRejected(f"{kind}: metadata.name is missing.")
    if reason := _why_unfit(kind, body, meta, namespace):
        raise DriverRejected(f"{kind} {meta['name']}: {reason}")


def _why_unfit(kind: str, body: Mapping[str, Any], meta: Mapping[str, Any], namespace: str) -> str:
    if kind == "Secret":
        return "a template holds no Secret. Name it under secrets; its value stays in Vault."
    if kind in _CLUSTER_WIDE:
        return "this kind belongs to the whole cluster, not to an environment."
    if kind in _OURS:
        return "Berth makes this kind itself. Use the namespace part of the template."
    if kind in {"Pod", "ReplicaSet"}:
        return "use a Deployment, which can be suspended and rolled out."
    if kind == "RoleBinding" and (body.get("roleRef") or {}).get("kind") != "Role":
        return "it may bind a Role of the environment only. People get rights by namespace.access."
    if meta.get("namespace") not in {None, "", namespace}:
        return "leave metadata.namespace out; each environment has its own."
    if any(str(key).startswith(names.PREFIX) for part in ("labels", "annotations") for key in meta.get(part) or {}):
        return f"labels and annotations that begin with {names.PREFIX} are Berth's own."
    return ""


def placed(body: Mapping[str, Any], spec: EnvironmentSpec, namespace: str) -> Object:
    """The object as one of this environment: in its namespace, labelled, its pods with the environment's account."""
    meta = {**body["metadata"], "namespace": namespace}
    meta["labels"] = {**(meta.get("labels") or {}), **names.labels_of(spec)}
    found = {**{k: v for k, v in body.items() if k != "status"}, "metadata": meta}
    if found["kind"] == "Service":
        return {**found, "spec": _with_protocol(found.get("spec") or {})}
    return with_template(found, _with_account) if found["kind"] in _WITH_PODS else found


def with_template(body: Object, change: Any) -> Object:
    """The object with its pod template changed by `change(template) → template`."""
    return {**body, "spec": _changed_at(body.get("spec") or {}, _path_of(body), change)}


def template_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod template of an object, empty when it has none."""
    found: Any = body.get("spec") or {}
    for part in _path_of(body):
        found = (found or {}).get(part) or {}
    return found if isinstance(found, Mapping) else {}


def annotated(template: Mapping[str, Any], annotations: Mapping[str, str]) -> Object:
    """A pod template with these annotations."""
    meta = template.get("metadata") or {}
    return {**template, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), **annotations}}}


def has_pods(body: Mapping[str, Any]) -> bool:
    """Whether the object makes pods."""
    return body["kind"] in _WITH_PODS


def with_agent(body: Object, secrets: Iterable[SecretSpec], *, mount: str, role: str) -> Object:
    """The workload with the Vault agent's annotations: path and role, never a value."""
    found = {"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": role}
    for secret in secrets:
        found[f"vault.hashicorp.com/agent-inject-secret-{secret.name}"] = f"{mount}/data/{secret.path}"
    return with_template(body, lambda template: annotated(template, found))


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Sorted so that what others need comes first."""
    return sorted(objects, key=lambda body: (rank(body["kind"]), names.address_of(body)))


def rank(kind: str) -> int:
    """Where a kind stands in the order of writing."""
    if kind in _FIRST:
        return _FIRST.index(kind)
    return 200 + _LAST.index(kind) if kind in _LAST else 100


def _with_account(template: Mapping[str, Any]) -> Object:
    pod = dict(template.get("spec") or {})
    pod.setdefault("serviceAccountName", ACCOUNT)
    for part in ("containers", "initContainers"):
        if part in pod:
            pod[part] = [_with_protocol(container) for container in pod[part]]
    return {**template, "spec": pod}


def _with_protocol(part: Mapping[str, Any]) -> Object:
    """Ports are told apart by protocol; older servers do not fill in the usual one while they apply."""
    if "ports" not in part:
        return dict(part)
    return {**part, "ports": [{"protocol": "TCP", **port} for port in part["ports"]]}


def _path_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    return _POD_PATHS.get(body["kind"], ("template",))


def _changed_at(value: Mapping[str, Any], path: tuple[str, ...], change: Any) -> Object:
    if not path:
        return dict(change(value))
    return {**value, path[0]: _changed_at(value.get(path[0]) or {}, path[1:], change)}
