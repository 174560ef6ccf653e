"""Waits until an environment's workloads are well, or says why they will not be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from provisioning.drivers.base import DriverRejected, DriverUnavailable, EnvironmentSpec, Health, Log, StepKey
from provisioning.drivers.kubernetes import health
from provisioning.drivers.kubernetes.api import Api, Object
from provisioning.drivers.kubernetes.health import State
from provisioning.drivers.kubernetes.view import View, look

LIMIT_S = 300.0
_POLL_S = 0.5
# A quota may be full for a moment while old pods end.
_PATIENCE_S = 10.0
_ENDING_S = 40.0


def states_of(spec: EnvironmentSpec, objects: Mapping[str, Object]) -> list[State]:
    """How each object is, with the template's own conditions."""
    asked = {(each["kind"], each["name"]): each["condition"] for each in spec.resources.get("health") or []}
    counted = {"Deployment", "StatefulSet", "DaemonSet", "Job"}
    found = []
    for live in objects.values():
        condition = asked.get((live["kind"], live["metadata"]["name"]), "")
        if condition or live["kind"] in counted:
            found.append(health.of_object(live, condition))
    return found


def health_of(api: Api, spec: EnvironmentSpec) -> Health:
    """How the environment is now."""
    view = look(api, spec)
    if view.space is None:
        return Health("unknown", "It is not there.")
    if view.is_ending:
        return Health("degraded", "Its namespace is being removed.")
    return health.overall(states_of(spec, view.objects), pods_of(api, view))


def pods_of(api: Api, view: View) -> list[Object]:
    """Every pod in the environment's namespace."""
    return api.list(api.kind("v1", "Pod"), view.namespace)


def wait_until_well(api: Api, spec: EnvironmentSpec, key: StepKey, log: Log, *, limit_s: float) -> None:
    """Poll until every workload is well. DriverRejected when it stays degraded, DriverUnavailable when time is up."""

    def settled(view: View) -> Health:
        return health.overall(states_of(spec, view.objects), [])

    poll(api, spec, key, log, settled, limit_s=limit_s)


def poll(
    api: Api, spec: EnvironmentSpec, key: StepKey, log: Log, state: Callable[[View], Health], *, limit_s: float
) -> None:
    """Look again and again until `state` says healthy."""
    began, said, bad_since = time.monotonic(), "", 0.0
    while True:
        view = look(api, spec)
        found = state(view)
        if found.status in {"healthy", "unknown"}:
            return
        now = time.monotonic()
        if found.reason != said:
            said = found.reason
            log(said)
        bad_since = (bad_since or now) if found.status == "degraded" else 0.0
        if bad_since and now - bad_since > _PATIENCE_S:
            raise DriverRejected(_with_cause(api, view, said))
        if now - began > limit_s:
            raise DriverUnavailable(_with_cause(api, view, said))
        if key.stopping():
            raise DriverUnavailable("It stopped waiting, as a person asked.")
        time.sleep(_POLL_S)


def stay_well(api: Api, spec: EnvironmentSpec, key: StepKey, *, seconds: float) -> None:
    """Watch for a while. DriverRejected as soon as a workload is not well."""
    until = time.monotonic() + seconds
    while True:
        view = look(api, spec)
        found = health.overall(states_of(spec, view.objects), [])
        if found.status != "healthy":
            raise DriverRejected(_with_cause(api, view, found.reason))
        if key.stopping():
            raise DriverUnavailable("It stopped watching, as a person asked.")
        if time.monotonic() > until:
            return
        time.sleep(_POLL_S)


def wait_until_empty(api: Api, view: View, log: Log) -> None:
    """Wait a while for the pods of removed workloads to end; what stays is told once and left to the namespace."""
    until = time.monotonic() + _ENDING_S
    while pods := pods_of(api, view):
        if time.monotonic() > until:
            log(f"{len(pods)} pods did not end in {_ENDING_S:.0f} s")
            return
        time.sleep(_POLL_S)


def _with_cause(api: Api, view: View, said: str) -> str:
    why = health.why_waiting(pods_of(api, view))
    return f"{said} {why}".strip()[:500]
