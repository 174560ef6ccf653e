"""Builds a template's overlay with the kustomize or kubectl program, offline: what is not in its files is refused."""

from __future__ import annotations

import posixpath
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.kubernetes.documents import BadDocuments, documents

_LIMIT_S = 20
_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LISTS = ("resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators")
_REFUSED = ("helmCharts", "helmChartInflationGenerator", "generators", "transformers", "validators", "openapi")


def build(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every object of the overlay. Raises DriverRejected with the program's own words."""
    for problem in problems(part):
        raise DriverRejected(problem)
    program = shutil.which("kustomize") or shutil.which("kubectl")
    if program is None:
        raise DriverRejected("Neither kustomize nor kubectl is on this worker's PATH.")
    return list(_built(program, tuple(sorted(part["files"].items())), str(part.get("path", "."))))


def problems(part: Mapping[str, Any]) -> Iterator[str]:
    """What the overlay names outside its own files, or cannot be read."""
    files = part["files"]
    path = str(part.get("path", "."))
    if not any(posixpath.normpath(posixpath.join(path, name)) in files for name in _NAMES):
        yield f"kustomize: there is no kustomization.yaml in {path}."
    for name, text in files.items():
        if posixpath.basename(name) in _NAMES:
            yield from _outside(name, text, files)


def _outside(name: str, text: str, files: Mapping[str, str]) -> Iterator[str]:
    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        yield f"kustomize: {name} is no YAML."
        return
    folder = posixpath.dirname(name)
    for key in _REFUSED:
        if key in found:
            yield f"kustomize: {name} uses {key}, which runs or fetches something else."
    for entry in (str(entry) for key in _LISTS for entry in found.get(key) or []):
        place = posixpath.normpath(posixpath.join(folder, entry))
        if place not in files and not any(file.startswith(f"{place}/") for file in files):
            yield f"kustomize: {name} names {entry}, which is not among the files of the template."


@lru_cache(maxsize=32)
def _built(program: str, files: tuple[tuple[str, str], ...], path: str) -> tuple[dict[str, Any], ...]:
    with tempfile.TemporaryDirectory(prefix="berth-kustomize-") as folder:
        for name, text in files:
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        command = [program, "build", path] if Path(program).name == "kustomize" else [program, "kustomize", path]
        # An empty PATH: no git, no other program to fetch with.
        environment = {"HOME": folder, "PATH": folder}
        try:
            ran = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, timeout=_LIMIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise DriverRejected(f"kustomize could not be run: {type(problem).__name__}.") from None
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise DriverRejected(f"kustomize: {said[-1]}"[:400])
    try:
        return tuple(documents(ran.stdout.decode()))
    except (BadDocuments, UnicodeDecodeError) as problem:
        raise DriverRejected(f"kustomize: {problem}") from None
