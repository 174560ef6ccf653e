"""Replicas to zero and exactly back: a patch of the one file that stands for the folder. Pure.

The counts are remembered in that file's annotations, so that whatever people committed meanwhile stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.gitops.overlay import CHART, KUSTOMIZATION, SCALES, VALUES, Files, annotations_of
from provisioning.drivers.kubernetes.names import REPLICAS as REMEMBERED

_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet")
_STOP = "- op: add\n  path: /spec/suspend\n  value: true\n"


def is_suspended(files: Mapping[str, Any]) -> bool:
    """Do the files say that nothing shall run?"""
    return REMEMBERED in annotations_of(files)


def suspended(files: Files) -> Files:
    """The files with every replica count at zero; those that are so already are given back as they are."""
    if is_suspended(files):
        return files
    if CHART in files:
        return _chart_to_zero(files)
    whole = dict(files[KUSTOMIZATION])
    listed = {entry["name"]: entry["count"] for entry in whole.get("replicas", [])}
    counts = {**dict(_counts(files)), **listed}
    jobs = sorted(_cron_jobs(files))
    if not counts and not jobs:
        raise DriverRejected("Nothing in these files has a replica count, so suspending would stop nothing.")
    whole["replicas"] = [{"name": name, "count": 0} for name in counts]
    if jobs:
        whole["patches"] = [*whole.get("patches", []), *map(_stop, jobs)]
    memory = {"counts": counts, "listed": list(listed), "jobs": jobs}
    return {**files, KUSTOMIZATION: _annotated(whole, memory)}


def resumed(files: Files) -> Files:
    """The files with the remembered counts back in place."""
    if not is_suspended(files):
        return files
    memory = _memory(files)
    if CHART in files:
        return _chart_back(files, memory)
    whole = _annotated(files[KUSTOMIZATION], None)
    back = [{"name": name, "count": memory["counts"][name]} for name in memory["listed"]]
    stops = [_stop(job) for job in memory["jobs"]]
    patches = [patch for patch in whole.get("patches", []) if patch not in stops]
    return {**files, KUSTOMIZATION: _without_empty({**whole, "replicas": back, "patches": patches}, files)}


def _without_empty(whole: dict[str, Any], files: Files) -> dict[str, Any]:
    """An empty list is kept only where one stood before."""
    for part in ("replicas", "patches"):
        if not whole[part]:
            del whole[part]
    order = [key for key in files[KUSTOMIZATION] if key in whole]
    return {key: whole[key] for key in order}


def _counts(files: Files) -> Iterator[tuple[str, int]]:
    for document in files.values():
        if document.get("kind") in _SCALABLE:
            yield document["metadata"]["name"], document.get("spec", {}).get("replicas", 1)


def _cron_jobs(files: Files) -> Iterator[str]:
    for document in files.values():
        if document.get("kind") == "CronJob" and not document.get("spec", {}).get("suspend"):
            yield document["metadata"]["name"]


def _stop(job: str) -> dict[str, Any]:
    return {"target": {"kind": "CronJob", "name": job}, "patch": _STOP}


def _chart_to_zero(files: Files) -> Files:
    name = files[CHART]["dependencies"][0]["name"]
    paths = json.loads(annotations_of(files).get(SCALES, "[]"))
    if not paths:
        raise DriverRejected("The template names no replica counts of its chart, so suspending would stop nothing.")
    values: dict[str, Any] = json.loads(json.dumps(files[VALUES]))
    counts = {}
    for path in paths:
        parent, key = place_in(values.get(name, {}), path)
        counts[path] = parent[key]
        parent[key] = 0
    return {**files, CHART: _annotated(files[CHART], {"counts": counts}, at_top=True), VALUES: values}


def _chart_back(files: Files, memory: Mapping[str, Any]) -> Files:
    name = files[CHART]["dependencies"][0]["name"]
    values: dict[str, Any] = json.loads(json.dumps(files[VALUES]))
    for path, count in memory["counts"].items():
        parent, key = place_in(values[name], path)
        parent[key] = count
    return {**files, CHART: _annotated(files[CHART], None, at_top=True), VALUES: values}


def place_in(values: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The mapping and key that a dotted path leads to. Raises DriverRejected when nothing stands there."""
    *parents, key = path.split(".")
    found: Any = values
    for parent in parents:
        found = found.get(parent) if isinstance(found, dict) else None
    if not isinstance(found, dict) or key not in found:
        raise DriverRejected(f"{path} should be a replica count, but the values of the chart have none there.")
    return found, key


def _annotated(whole: Mapping[str, Any], memory: Mapping[str, Any] | None, *, at_top: bool = False) -> dict[str, Any]:
    """The document with the memory among its annotations, or without it."""
    holder = whole if at_top else whole["metadata"]
    notes = {key: value for key, value in holder["annotations"].items() if key != REMEMBERED}
    if memory is not None:
        notes[REMEMBERED] = json.dumps(memory, sort_keys=False)
    if at_top:
        return {**whole, "annotations": notes}
    return {**whole, "metadata": {**holder, "annotations": notes}}


def _memory(files: Files) -> Mapping[str, Any]:
    try:
        found = json.loads(annotations_of(files)[REMEMBERED])
        return {"listed": [], "jobs": [], **found, "counts": dict(found["counts"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DriverRejected("The remembered replica counts cannot be read; write them into the files.") from error
