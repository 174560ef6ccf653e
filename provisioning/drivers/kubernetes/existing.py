"""What stands in a cluster and belongs to no environment: candidates for adoption. Reads only."""

from __future__ import annotations

from provisioning.drivers.base import Existing
from provisioning.drivers.kubernetes import names
from provisioning.drivers.kubernetes.api import Api, Object

_KINDS = (("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("v1", "Service"))
_OWN = ("kube-", "openshift-")


def existing(api: Api) -> list[Existing]:
    """Namespaces without our label that are not the cluster's own, each followed by what runs in it."""
    spaces = {body["metadata"]["name"]: body for body in api.list(api.kind("v1", "Namespace")) if _is_free(body)}
    free = {name: body for name, body in spaces.items() if not name.startswith(_OWN)}
    inside = [body for version, kind in _KINDS for body in api.list(api.kind(version, kind))]
    held = [body for body in inside if body["metadata"].get("namespace") in free and _is_free(body)]
    found = [_existing(body) for body in [*free.values(), *held] if not _is_servers_own(body)]
    return sorted(found, key=lambda thing: (thing.id.partition("/")[0], thing.kind != "Namespace", thing.address))


def _existing(body: Object) -> Existing:
    meta = body["metadata"]
    place = "/".join(part for part in (meta.get("namespace"), meta["name"]) if part)
    return Existing(body["kind"], names.address_of(body), place, meta["name"])


def _is_free(body: Object) -> bool:
    return names.ENVIRONMENT not in (body["metadata"].get("labels") or {})


def _is_servers_own(body: Object) -> bool:
    """The service of the API itself stands in every cluster."""
    meta = body["metadata"]
    return body["kind"] == "Service" and (meta.get("namespace"), meta["name"]) == ("default", "kubernetes")
