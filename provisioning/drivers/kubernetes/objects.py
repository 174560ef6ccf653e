"""Objects without what the server adds by itself and without what may be secret: comparable, storable, fit to be shown.

Pure but for the keyed hash that stands for a masked value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioning.drivers.kubernetes.api import Object, is_created_only
from provisioning.drivers.kubernetes.names import BOOKKEEPING
from provisioning.redaction import MASK, Redactor

Hashed = Callable[[bytes], str]
OWNERSHIP = "ownership"

_KEPT_META = ("name", "namespace", "labels", "annotations", "finalizers")
_SERVER_ANNOTATIONS = {
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.daemonset.template.generation",
}
_SERVER_LABELS = {
    "kubernetes.io/metadata.name",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
}
_SECRET_NAME = re.compile(r"(?i)passw|secret|token|credential|api[_-]?key|private[_-]?key")
# Given out by the server when an object is made, so unknown before.
_ASSIGNED = {
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "ipFamily", "healthCheckNodePort"),
    "Job": ("selector",),
    "PersistentVolumeClaim": ("volumeName",),
}


class Cleaner:
    """Turns live objects into what may be planned, stored and shown."""

    def __init__(self, hashed: Hashed) -> None:
        self._hashed = hashed
        self._redact = Redactor()

    def __call__(self, live: Mapping[str, Any]) -> Object:
        """The object without status, bookkeeping and server noise; values that look secret as a keyed hash."""
        kept = {key: value for key, value in live.items() if key not in {"metadata", "status"}}
        if live["kind"] == "ServiceAccount":
            kept.pop("secrets", None)
        if live["kind"] == "Namespace":
            kept.pop("spec", None)
        if live["kind"] == "Job":
            _drop_job_labels(kept)
        cleaned: Object = self._masked({**kept, "metadata": _meta(live["metadata"])})
        if is_created_only(live):
            cleaned[OWNERSHIP] = "partial"
        return cleaned

    def _masked(self, value: Any, *, named: str = "") -> Any:
        if isinstance(value, Mapping):
            secret_name = str(value.get("name", "")) if "value" in value else ""
            return {k: self._masked(v, named=secret_name if k == "value" else "") for k, v in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, float):
            return format(value, "f").rstrip("0").rstrip(".")
        if not isinstance(value, str):
            return value
        if (named and _SECRET_NAME.search(named)) or self._redact(value) != value:
            return f"{MASK} {self._hashed(value.encode())}"
        return value


def assigned(cleaned: Object) -> tuple[Object, tuple[str, ...]]:
    """An object to be made without what only the server will know, and the names of that."""
    names = _ASSIGNED.get(cleaned["kind"], ())
    spec = dict(cleaned.get("spec") or {})
    for name in names:
        spec.pop(name, None)
    if cleaned["kind"] == "Service":
        spec["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports") or []]
    found = {**cleaned, "spec": spec} if "spec" in cleaned else cleaned
    return found, tuple(f"spec.{name}" for name in names if name in (cleaned.get("spec") or {}))


def covers(live: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is so in the live object; what the server added does not count."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(key in live and covers(live[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(covers(have, want) for have, want in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


def holds_masked(value: Any) -> bool:
    """Whether a value was masked somewhere in it, so that it cannot be written back."""
    if isinstance(value, Mapping):
        return any(holds_masked(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_masked(item) for item in value)
    return isinstance(value, str) and value.startswith(MASK)


def _meta(meta: Mapping[str, Any]) -> Object:
    kept = {key: meta[key] for key in _KEPT_META if meta.get(key)}
    for key, noise in (("labels", _SERVER_LABELS), ("annotations", _SERVER_ANNOTATIONS)):
        if key in kept:
            left = {k: v for k, v in kept[key].items() if k not in noise and k not in BOOKKEEPING}
            kept = {**kept, key: left} if left else {k: v for k, v in kept.items() if k != key}
    return kept


def _drop_job_labels(job: Object) -> None:
    """The controller marks a Job's pods with the Job's own id."""
    spec = dict(job.get("spec") or {})
    spec.pop("selector", None)
    template = dict(spec.get("template") or {})
    template["metadata"] = _meta(template.get("metadata") or {})
    job["spec"] = {**spec, "template": template}
