"""What suspending changes in a workload and what resuming gives back: numbers remembered in an annotation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.names import PAUSED, REPLICAS

_SCALED = frozenset({"Deployment", "StatefulSet"})


def to_suspend(live: Mapping[str, Any]) -> Object | None:
    """The patch that puts a workload to sleep, or None when it is asleep or cannot sleep."""
    spec, notes = live.get("spec") or {}, _notes(live)
    if live["kind"] in _SCALED and (REPLICAS not in notes or spec.get("replicas")):
        count = notes.get(REPLICAS, str(spec.get("replicas", 1)))
        return {"metadata": {"annotations": {REPLICAS: count}}, "spec": {"replicas": 0}}
    if live["kind"] == "CronJob" and (PAUSED not in notes or not spec.get("suspend")):
        before = notes.get(PAUSED) or ("true" if spec.get("suspend") else "false")
        return {"metadata": {"annotations": {PAUSED: before}}, "spec": {"suspend": True}}
    if live["kind"] == "DaemonSet" and PAUSED not in notes:
        chosen = {"spec": {"template": {"spec": {"nodeSelector": {PAUSED: "true"}}}}}
        return {"metadata": {"annotations": {PAUSED: "true"}}, **chosen}
    return None


def to_resume(live: Mapping[str, Any]) -> Object | None:
    """The patch that gives a workload back what it had, or None when nothing was taken."""
    notes = _notes(live)
    if live["kind"] in _SCALED and REPLICAS in notes:
        return {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": int(notes[REPLICAS])}}
    if live["kind"] == "CronJob" and PAUSED in notes:
        return {"metadata": {"annotations": {PAUSED: None}}, "spec": {"suspend": notes[PAUSED] == "true"}}
    if live["kind"] == "DaemonSet" and PAUSED in notes:
        chosen = {"spec": {"template": {"spec": {"nodeSelector": {PAUSED: None}}}}}
        return {"metadata": {"annotations": {PAUSED: None}}, **chosen}
    return None


def asleep(body: Object, live: Mapping[str, Any] | None) -> Object:
    """A workload of a suspended environment: changed in any other way, it stays asleep."""
    shown = live or body
    if body["kind"] in _SCALED:
        count = _notes(shown).get(REPLICAS, str((body.get("spec") or {}).get("replicas", 1)))
        return _with(body, {REPLICAS: count}, {"replicas": 0})
    if body["kind"] == "CronJob":
        before = _notes(shown).get(PAUSED, "true" if (body.get("spec") or {}).get("suspend") else "false")
        return _with(body, {PAUSED: before}, {"suspend": True})
    if body["kind"] == "DaemonSet":
        template = dict((body.get("spec") or {}).get("template") or {})
        pod = dict(template.get("spec") or {})
        pod["nodeSelector"] = {**(pod.get("nodeSelector") or {}), PAUSED: "true"}
        return _with(body, {PAUSED: "true"}, {"template": {**template, "spec": pod}})
    return body


def merged(live: Any, patch: Any) -> Any:
    """The live object with a merge patch put on it, as the server would (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def _notes(live: Mapping[str, Any]) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}


def _with(body: Object, notes: Mapping[str, str], spec: Mapping[str, Any]) -> Object:
    meta = {**body["metadata"], "annotations": {**_notes(body), **notes}}
    return {**body, "metadata": meta, "spec": {**(body.get("spec") or {}), **spec}}
