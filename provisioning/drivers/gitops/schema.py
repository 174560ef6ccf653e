"""The JSON Schema of a template's `resources` for this driver, and what a schema cannot say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from catalog.template_schema import closed
from provisioning.drivers.gitops import documents, placeholders
from provisioning.drivers.gitops.overlay import file_name

# The first that signs commits with ssh keys.
_OLDEST_GIT = (2, 34)
_TEXT = {"type": "string", "minLength": 1, "maxLength": 300}
_INSIDE = {
    "type": "string",
    "pattern": r"^(\.\./){0,8}[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$",
    "maxLength": 300,
}
_OBJECT = {"type": "object"}
_LIST = {"type": "array", "maxItems": 100}
_NAMED = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata"],
    "properties": {
        "apiVersion": _TEXT,
        "kind": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]{0,80}$"},
        "metadata": {"type": "object", "required": ["name"], "properties": {"name": _TEXT}},
    },
}


# Only what stays inside the repository: no remote bases, no plugins, no generators of secrets.
_KUSTOMIZATION = closed(
    {
        "resources": {**_LIST, "items": _INSIDE},
        "components": {**_LIST, "items": _INSIDE},
        "images": {**_LIST, "items": _OBJECT},
        "patches": {**_LIST, "items": _OBJECT},
        "labels": {**_LIST, "items": _OBJECT},
        "replicas": {**_LIST, "items": closed({"name": _TEXT, "count": {}}, "name", "count")},
        "configMapGenerator": {**_LIST, "items": _OBJECT},
        "replacements": {**_LIST, "items": _OBJECT},
        "commonAnnotations": _OBJECT,
        "namePrefix": _TEXT,
        "nameSuffix": _TEXT,
    }
)
_CHART = closed(
    {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,60}$"},
        "version": _TEXT,
        "repository": _TEXT,
        "values": _OBJECT,
        "replicas": {
            "type": "array",
            "maxItems": 50,
            "items": {"type": "string", "pattern": r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"},
        },
    },
    "name",
    "version",
    "repository",
)
_INITIAL = closed({"version": _TEXT, "digest": _TEXT, "artifact": _OBJECT}, "version")

TEMPLATE_SCHEMA: dict[str, Any] = {
    **closed(
        {
            "namespace": _TEXT,
            "initial": _INITIAL,
            "manifests": {**_LIST, "items": _NAMED},
            "kustomization": _KUSTOMIZATION,
            "chart": _CHART,
        }
    ),
    "anyOf": [{"required": ["manifests"]}, {"required": ["kustomization"]}, {"required": ["chart"]}],
    "not": {"required": ["kustomization", "chart"]},
}


def problems(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """What is missing on this machine, and what is wrong in resources that fit the schema."""
    return (*_missing_programs(), *_wrong(resources))


def _missing_programs() -> Iterator[str]:
    for program, why in (("git", "commits are made with it"), ("ssh-keygen", "commits are signed with it")):
        if shutil.which(program) is None:
            yield f"{program} is not on PATH: {why}."
    if shutil.which("git") and _git_version() < _OLDEST_GIT:
        yield "git is too old to sign with ssh keys: 2.34 or newer is needed."


def _git_version() -> tuple[int, ...]:
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def _wrong(resources: Mapping[str, Any]) -> Iterator[str]:
    for found in sorted(set(placeholders.unknown_in(resources))):
        yield f"{found} is no placeholder; there are environment, parameters, release and secrets."
    seen: set[str] = set()
    for manifest in resources.get("manifests", ()):
        name = file_name(manifest)
        if name in seen:
            yield f"Two manifests would be written to {name}."
        seen.add(name)
        yield from documents.secrets_in(manifest, name)
    for part in ("kustomization", "chart"):
        yield from documents.secrets_in(resources.get(part, {}), part)


_LINE = {"type": "string", "maxLength": 500}
_SECONDS = {"type": "integer", "minimum": 1, "maximum": 7 * 86400}
TARGET_SCHEMA: dict[str, Any] = closed(
    {
        **{name: _LINE for name in ("repository", "branch", "root", "author", "server", "namespace", "project")},
        **{name: _LINE for name in ("destination", "repository_secret")},
        "ca": {"type": "string"},
        "known_hosts": {"type": "string"},
        "signing": {"enum": ["ssh", "none"]},
        "mode": {"enum": ["direct", "pull-request"]},
        "engine": {"enum": ["argocd", "flux", "none"]},
        "secret_store": {"type": "object", "properties": {"name": _LINE, "kind": _LINE}, "required": ["name"]},
        **{f"{name}_seconds": _SECONDS for name in ("sync", "health", "degraded", "merge")},
    },
    "repository",
)
