"""A template's module: inline files, or a folder of a Git repository at a fixed commit. Nothing is run here."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from catalog import git
from catalog.template_schema import closed
from provisioning.drivers.base import DriverRejected, DriverUnavailable

LOCK_FILE = ".terraform.lock.hcl"
MOST_FILES, MOST_BYTES = 200, 1024 * 1024
_VARIABLE = re.compile(r'^\s*variable\s+"?([A-Za-z_][A-Za-z0-9_-]*)"?\s*\{', re.MULTILINE)
_JSON_VARIABLES = re.compile(r'"variable"\s*:')
_NAME = r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$"
_FILE = r"^(?!.*(^|/)\.\.?(/|$))([A-Za-z0-9_][A-Za-z0-9_.-]*/)*([A-Za-z0-9_][A-Za-z0-9_.-]*|\.terraform\.lock\.hcl)$"
_OURS = re.compile(r"(^|/)berth_[^/]*$|_override\.tf(\.json)?$|\.auto\.tfvars(\.json)?$|(^|/)terraform\.tfvars")
_VALUE: dict[str, Any] = {
    "oneOf": [
        {"type": ["string", "integer", "boolean"]},
        *(
            closed({word: {"type": "string", "pattern": _NAME}, **more}, word)
            for word, more in (("parameter", {}), ("secret", {"field": {"type": "string"}}), ("credential", {}))
        ),
    ]
}
_FILES: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"pattern": _FILE},
    "additionalProperties": {"type": "string"},
    "minProperties": 1,
    "maxProperties": MOST_FILES,
}
_GIT: dict[str, Any] = {
    "git": {"type": "string", "minLength": 1, "maxLength": 300},
    "commit": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
    "path": {"type": "string", "maxLength": 200},
}
SCHEMA: dict[str, Any] = closed(
    {
        "module": {"oneOf": [closed({"files": _FILES}, "files"), closed(_GIT, "git", "commit")]},
        "variables": {"type": "object", "propertyNames": {"pattern": _NAME}, "additionalProperties": _VALUE},
        "limit_minutes": {"type": "integer", "minimum": 1, "maximum": 240},
    },
    "module",
)


@dataclass(frozen=True)
class Module:
    """The files of a root module, by path, and the variables it declares."""

    files: Mapping[str, bytes]

    @property
    def variables(self) -> frozenset[str]:
        """Names of declared variables, from the files of the root itself."""
        return frozenset(name for path, text in self.files.items() if "/" not in path for name in _declared(path, text))

    @property
    def is_locked(self) -> bool:
        """Whether provider versions are pinned by a lock file."""
        return LOCK_FILE in self.files


def of(resources: Mapping[str, Any]) -> Module:
    """The module of a template. Raises DriverRejected for a bad one, DriverUnavailable when Git is out of reach."""
    source = resources["module"]
    if "files" in source:
        return Module({path: text.encode() for path, text in source["files"].items()})
    return Module(_from_git(source["git"], source["commit"], source.get("path", "").strip("/")))


def problems(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with the template's module, in sentences."""
    source = resources.get("module", {})
    found = [f"the file {path} is written by Berth itself" for path in source.get("files", {}) if _OURS.search(path)]
    if "files" in source and not any(path.endswith((".tf", ".tf.json", ".tofu")) for path in source["files"]):
        found.append("the module has no .tf file")
    if sum(len(text) for text in source.get("files", {}).values()) > MOST_BYTES:
        found.append(f"the module has more than {MOST_BYTES} bytes")
    if "git" in source:
        try:
            _remote(source["git"], source["commit"]).check()
        except git.BadAddress as bad:
            found.append(str(bad))
    if "files" in source:
        declared = of(resources).variables
        found += [
            f"the module declares no variable {name}" for name in sorted({*resources.get("variables", {})} - declared)
        ]
    return tuple(found)


def _declared(path: str, content: bytes) -> list[str]:
    text = content.decode("utf-8", "replace")
    if path.endswith(".tf.json"):
        return re.findall(r'"([A-Za-z_][A-Za-z0-9_-]*)"\s*:', text) if _JSON_VARIABLES.search(text) else []
    return _VARIABLE.findall(text) if path.endswith((".tf", ".tofu")) else []


def _remote(url: str, commit: str) -> git.Remote:
    return git.Remote(url, commit, settings.BERTH.var)


def _from_git(url: str, commit: str, folder: str) -> dict[str, bytes]:
    repository = Path(settings.BERTH.var) / "git" / f"module-{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"
    try:
        if not _has(repository, commit) and git.fetch(repository, _remote(url, commit)) != commit:
            raise DriverRejected("The repository answered with another commit than the template names.")
        below = f"{folder}/" if folder else ""
        entries = [entry for entry in git.entries(repository, commit) if entry.path.startswith(below)]
        refused = next((why for entry in entries if (why := _why_refused(entry))), None)
        if refused or not 0 < len(entries) <= MOST_FILES:
            number = f"The module's folder holds {len(entries)} files; 1 to {MOST_FILES} are allowed."
            raise DriverRejected(refused or number)
        found = git.read(repository, entries)
    except git.Unreachable as away:
        raise DriverUnavailable(str(away)) from None
    except git.GitError as bad:
        raise DriverRejected(str(bad)) from None
    return {path.removeprefix(below): content for path, content in found.items()}


def _why_refused(entry: git.Entry) -> str | None:
    if {"", ".", "..", ".git"} & set(entry.path.split("/")):
        return f"{entry.path} is no path of a module."
    if _OURS.search(entry.path):
        return f"{entry.path} is written by Berth itself."
    return f"{entry.path}: {entry.why_refused}." if entry.why_refused else None


def _has(repository: Path, commit: str) -> bool:
    if not (repository / "HEAD").exists():
        return False
    try:
        git.run(repository, "cat-file", "-e", f"{commit}^{{commit}}")
    except git.GitError:
        return False
    return True


_NAMES = {"type": "object", "additionalProperties": {"type": "string"}, "x-holds": "fields of the credentials"}
_BACKEND: dict[str, Any] = {"type": {"type": "string", "pattern": "^[a-z0-9]+$"}, "config": {"type": "object"}}
TARGET_SCHEMA: dict[str, Any] = closed(
    {
        "provider_mirror": {"type": "string", "pattern": "^/"},
        "environment": _NAMES,
        "backend": closed(_BACKEND, "type"),
    }
)
