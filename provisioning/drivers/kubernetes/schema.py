"""The `resources` of a template of this driver as JSON Schema, and what a publisher is told beyond it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from catalog.template_schema import closed
from provisioning.drivers.base import DriverRejected
from provisioning.drivers.kubernetes import kustomize, manifests, substitute

_NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
_QUANTITIES = {
    "type": "object",
    "propertyNames": {"pattern": r"^[a-z0-9][a-zA-Z0-9./-]{0,80}$"},
    "additionalProperties": {"type": ["string", "integer"]},
    "maxProperties": 40,
}
_FILES = {
    "type": "object",
    "propertyNames": {"pattern": r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,120}$"},
    "additionalProperties": {"type": "string", "maxLength": 100_000},
    "minProperties": 1,
    "maxProperties": 100,
}
_VALUES = {"type": "object"}
_WORKLOAD = {"type": "string", "pattern": "^(Deployment|StatefulSet|DaemonSet)/[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"}


_NAMESPACE = closed(
    {
        "quota": _QUANTITIES,
        "limits": closed({"default": _QUANTITIES, "default_request": _QUANTITIES, "max": _QUANTITIES}),
        "network": closed(
            {
                "ingress_from": {"type": "array", "items": {"type": "object"}, "maxItems": 20},
                "egress_to": {"type": "array", "items": {"type": "string", "maxLength": 43}, "maxItems": 50},
            }
        ),
        "access": {
            "type": "array",
            "maxItems": 20,
            "items": closed(
                {"group": {"type": "string", "minLength": 1, "maxLength": 200}, "role": {"enum": ["view", "edit"]}},
                "group",
                "role",
            ),
        },
    }
)
_OBJECT = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata"],
    "properties": {
        "apiVersion": {"type": "string", "maxLength": 120},
        "kind": {"type": "string", "pattern": "^[A-Z][A-Za-z]{0,62}$"},
        "metadata": {"type": "object", "required": ["name"]},
    },
}
_MANIFEST = {
    "anyOf": [
        _OBJECT,
        closed({"when": {"type": "object", "minProperties": 1}, "manifest": _OBJECT}, "when", "manifest"),
    ]
}
_ROLLOUT = closed(
    {
        "strategy": {"enum": ["rolling", "blue-green", "canary"]},
        "service": _NAME,
        "route": _NAME,
        "weights": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 99},
            "minItems": 1,
            "maxItems": 10,
        },
        "pause_s": {"type": "integer", "minimum": 0, "maximum": 600},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "strategy",
)

TEMPLATE_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **closed(
        {
            "namespace": _NAMESPACE,
            "secrets": closed(
                {"by": {"enum": ["external-secrets", "vault-agent"]}, "role": {"type": "string", "maxLength": 80}}, "by"
            ),
            "choices": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "object"}},
            },
            "manifests": {"type": "array", "items": _MANIFEST, "maxItems": 100},
            "helm": closed({"files": _FILES, "values": _VALUES, "name": _NAME}, "files"),
            "kustomize": closed({"files": _FILES, "path": {"type": "string", "maxLength": 120}}, "files"),
            "release": closed(
                {"workload": _WORKLOAD, "container": _NAME, "repository": {"type": "string", "maxLength": 255}},
                "workload",
                "container",
                "repository",
            ),
            "rollout": _ROLLOUT,
            "health": {
                "type": "array",
                "maxItems": 20,
                "items": closed(
                    {"kind": {"type": "string"}, "name": _NAME, "condition": {"type": "string", "maxLength": 80}},
                    "kind",
                    "name",
                    "condition",
                ),
            },
            "outputs": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
                "additionalProperties": {"type": "string", "maxLength": 400},
                "maxProperties": 20,
            },
        }
    ),
}


def problems(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a template of the right shape, or missing on this machine."""
    return tuple([*_tools(resources), *_places(resources), *_objects(resources), *_release(resources)])


def _tools(resources: Mapping[str, Any]) -> Iterator[str]:
    if "helm" in resources and find_spec("helm_python") is None:
        yield "helm: the Python package helm-python-sdk is not installed on this machine."
    if "kustomize" in resources:
        if not any(shutil.which(program) for program in ("kustomize", "kubectl")):
            yield "kustomize: neither kustomize nor kubectl is on PATH. Install one of them."
        yield from kustomize.problems(resources["kustomize"])


def _places(resources: Mapping[str, Any]) -> Iterator[str]:
    # The files of a chart or an overlay have a language of their own; only what Berth fills is looked at.
    ours = {k: v for k, v in resources.items() if k not in {"helm", "kustomize"}}
    ours["values"] = resources.get("helm", {}).get("values", {})
    for place in sorted({*substitute.bad_places(ours)}):
        yield f"{place} is nothing that Berth can fill in. In texts of your own write $${{ for a plain ${{."


def _objects(resources: Mapping[str, Any]) -> Iterator[str]:
    for entry in resources.get("manifests") or []:
        body = entry.get("manifest", entry)
        try:
            manifests.refuse_unfit(body)
        except DriverRejected as unfit:
            yield str(unfit)


def _release(resources: Mapping[str, Any]) -> Iterator[str]:
    rollout = resources.get("rollout") or {}
    strategy = rollout.get("strategy", "rolling")
    if strategy != "rolling":
        workload = (resources.get("release") or {}).get("workload", "")
        if not workload.startswith("Deployment/"):
            yield f"rollout: {strategy} needs release.workload to be a Deployment."
        if "service" not in rollout:
            yield f"rollout: {strategy} needs service, the Service in front of the Deployment."
    if strategy == "canary" and "route" not in rollout:
        yield "rollout: canary needs route, the HTTPRoute whose weights are moved."
    if not any(part in resources for part in ("manifests", "helm", "kustomize")):
        yield "There is no workload: give manifests, helm or kustomize."


_LABEL = {"type": "string", "maxLength": 253}
TARGET_SCHEMA: dict[str, Any] = closed(
    {
        "server": {"type": "string", "pattern": "^https?://"},
        "ca": {"type": "string"},
        "namespace_prefix": {"type": "string", "pattern": "^([a-z][a-z0-9-]{0,20})?$"},
        "secret_store": closed({"name": _LABEL, "kind": _LABEL, "api_version": _LABEL}, "name"),
        "pod_security": {"enum": ["baseline", "restricted", "privileged"]},
        "trial_namespace": _LABEL,
        "wait_s": {"type": "integer", "minimum": 1, "maximum": 86400},
    },
    "server",
)
