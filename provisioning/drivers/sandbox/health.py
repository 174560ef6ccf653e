"""How a sandbox environment is: whether its workload runs, and whether what answers is what was deployed."""

from __future__ import annotations

from provisioning.drivers.base import EnvironmentSpec, Health
from provisioning.drivers.sandbox import plan as planning
from provisioning.drivers.sandbox.answering import ask
from provisioning.models import Workload


def health_of(spec: EnvironmentSpec, router_port: int) -> Health:
    """Compare what shall run, what the daemon started and what answers through the router."""
    names = planning.names_of(spec)
    row = Workload.objects.filter(pk=names.pk).first()
    if row is None or row.desired != "running":
        return Health("unknown", "Nothing shall run.")
    if row.observed_generation < row.generation:
        return Health("progressing", "The workload is being replaced.")
    if row.observed != "running":
        return Health("degraded", row.detail or f"The workload is {row.observed}.")
    answer = ask(router_port, f"{names.label}.localhost").get("release")
    if not isinstance(answer, dict):
        return Health("degraded", "Nothing answers through the router.")
    wanted, runs, says = (_version(release) for release in (planning.release_of(spec), row.release, answer))
    found = tuple(sorted({wanted, runs, says}))
    if len(found) > 1:
        return Health("mixed", f"{wanted} is recorded, {runs} shall run and {says} answers.", found)
    return Health("healthy", "", found)


def _version(release: dict[str, str]) -> str:
    return release.get("version") or "no release"
