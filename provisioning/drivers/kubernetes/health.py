"""Whether workloads are well, as the cluster reports it: rollouts, conditions, pods of several releases. Pure.

The rules for Deployment, StatefulSet and DaemonSet are those that `kubectl rollout status` applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provisioning.drivers.base import Health
from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.names import RELEASE

Status = Literal["healthy", "progressing", "degraded"]


@dataclass(frozen=True)
class State:
    """How one object is, and why."""

    status: Status
    reason: str = ""


WELL = State("healthy")


def of_object(live: Mapping[str, Any], condition: str = "") -> State:
    """How one object is; `condition` names the one that counts for kinds that are not known."""
    name = f"{live['kind']} {live['metadata']['name']}"
    status = live.get("status") or {}
    if condition:
        return _of_condition(name, status, condition)
    if live["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
        seen = status.get("observedGeneration", 0)
        if seen < live["metadata"].get("generation", 0):
            return State("progressing", f"{name}: the cluster has not looked at it yet")
        return _ROLLOUTS[live["kind"]](name, live.get("spec") or {}, status)
    if live["kind"] == "Job":
        if failed := _condition(status, "Failed"):
            return State("degraded", f"{name} failed: {failed.get('message', '')}")
        return WELL if _condition(status, "Complete") else State("progressing", f"{name} runs")
    return WELL


def overall(states: Iterable[State], pods: Iterable[Mapping[str, Any]]) -> Health:
    """How the environment is as a whole; `mixed` when pods of several releases run."""
    releases = releases_of(pods)
    found = list(states)
    if len(releases) > 1:
        return Health("mixed", f"Pods of {len(releases)} releases run: {', '.join(releases)}.", releases)
    for status in ("degraded", "progressing"):
        reasons = [state.reason for state in found if state.status == status]
        if reasons:
            return Health(status, f"{'; '.join(reasons[:3])}."[:400], releases)
    return Health("healthy" if found else "unknown", "", releases)


def releases_of(pods: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The releases whose pods live, sorted."""
    found = set()
    for pod in pods:
        ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
        if not ended and "deletionTimestamp" not in pod["metadata"]:
            found.add((pod["metadata"].get("annotations") or {}).get(RELEASE, ""))
    return tuple(sorted(release for release in found if release))


def why_waiting(pods: Iterable[Mapping[str, Any]]) -> str:
    """Why the first pod that is not ready waits, in the cluster's own words; "" when none does."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason"):
                return f"pod {pod['metadata']['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()[:200]
        for condition in status.get("conditions") or []:
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                return f"pod {pod['metadata']['name']}: {condition.get('message', '')}"[:200]
    return ""


def _deployment(name: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> State:
    wanted = spec.get("replicas", 1)
    if failed := _condition(status, "ReplicaFailure"):
        return State("degraded", f"{name}: {failed.get('message', '')}"[:250])
    progressing = _condition(status, "Progressing", "False")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return State("degraded", f"{name}: it did not become available in time")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return State("progressing", f"{name}: {updated} of {wanted} pods are of the newest form")
    if status.get("replicas", 0) > updated:
        return State("progressing", f"{name}: {status['replicas'] - updated} old pods are still ending")
    if available < wanted:
        return State("progressing", f"{name}: {available} of {wanted} pods are available")
    return WELL


def _stateful_set(name: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> State:
    wanted = spec.get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < wanted:
        return State("progressing", f"{name}: {ready} of {wanted} pods are ready")
    is_rolling = (spec.get("updateStrategy") or {}).get("type") != "OnDelete"
    if is_rolling and wanted and status.get("currentRevision") != status.get("updateRevision") and updated < wanted:
        return State("progressing", f"{name}: {updated} of {wanted} pods are of the newest form")
    return WELL


def _daemon_set(name: str, _spec: Mapping[str, Any], status: Mapping[str, Any]) -> State:
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if min(updated, available) < wanted:
        return State("progressing", f"{name}: {min(updated, available)} of {wanted} pods are available")
    return WELL


_ROLLOUTS = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}


def _of_condition(name: str, status: Mapping[str, Any], wanted: str) -> State:
    if _condition(status, wanted):
        return WELL
    said = _condition(status, wanted, "False")
    reason = f": {said.get('message') or said.get('reason', '')}" if said else ""
    return State("degraded" if said else "progressing", f"{name} is not {wanted}{reason}"[:250])


def _condition(status: Mapping[str, Any], name: str, value: str = "True") -> Object | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == name and condition.get("status") == value:
            return dict(condition)
    return None
