"""Flux: a GitRepository and a Kustomization for each environment. Fields as in their CRDs, v1 of the toolkit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.gitops.engines import (
    DEGRADED,
    HEALTHY,
    NEVER,
    OUT_OF_SYNC,
    PROGRESSING,
    SYNCED,
    UNKNOWN,
    Axes,
    Engine,
    Object,
    Piece,
    Source,
    condition,
)

SOURCE, KIND = "GitRepository", "Kustomization"
_INTERVAL = "1m0s"
# Reasons of a Ready that is not true yet, as the kustomize-controller names them.
_GOES_ON = ("Progressing", "ProgressingWithRetry", "DependencyNotReady", "ArtifactFailed")


class Flux(Engine):
    """Reads the conditions Ready and Healthy of the Kustomization, and Ready of its GitRepository."""

    title = "Flux"
    refresh = (SOURCE, "reconcile.fluxcd.io/requestedAt")

    def pieces(self, source: Source) -> tuple[Piece, ...]:
        if source.is_chart:
            raise DriverRejected("Flux applies kustomizations; a template with a chart needs a target with Argo CD.")
        place = source.place
        address: dict[str, Any] = {"url": place.repository, "ref": {"branch": place.branch}, "interval": _INTERVAL}
        if place.repository_secret:
            address["secretRef"] = {"name": place.repository_secret}
        spec = {
            "interval": _INTERVAL,
            "path": f"./{source.folder}",
            "prune": True,
            "wait": True,
            "timeout": f"{place.waits.health}s",
            "sourceRef": {"kind": SOURCE, "name": source.name},
            "targetNamespace": source.namespace,
        }
        return (
            Piece("source.toolkit.fluxcd.io/v1", SOURCE, source.name, place.namespace, address),
            Piece("kustomize.toolkit.fluxcd.io/v1", KIND, source.name, place.namespace, spec),
        )

    def axes(self, live: Mapping[str, Object | None]) -> Axes:
        source, whole = live.get(SOURCE) or {}, live.get(KIND) or {}
        fetched, ready, healthy = condition(source, "Ready"), condition(whole, "Ready"), condition(whole, "Healthy")
        status = whole.get("status") or {}
        if fetched.get("status") == "False":
            return Axes(UNKNOWN, _health(ready, healthy), "", _said(fetched), _said(healthy), failed=True)
        if not ready:
            return Axes(NEVER, UNKNOWN)
        state, reason = ready.get("status"), ready.get("reason")
        ill = state == "False" and reason == "HealthCheckFailed"
        synced = state == "True" or ill
        revision = status.get("lastAppliedRevision" if state == "True" else "lastAttemptedRevision")
        return Axes(
            sync=SYNCED if synced else OUT_OF_SYNC,
            health=_health(ready, healthy),
            revision=str(revision or "").rpartition(":")[2],
            why_not_synced="" if synced else _said(ready),
            why_not_healthy=_said(ready if ill else healthy),
            failed=state == "False" and not ill and reason not in _GOES_ON,
        )


def _health(ready: Object, healthy: Object) -> str:
    """Healthy where Flux tells it apart; with `wait`, Ready includes it. A failed build says nothing of health."""
    if ready.get("reason") == "HealthCheckFailed" or healthy.get("status") == "False":
        return DEGRADED
    if "True" in {healthy.get("status"), ready.get("status")}:
        return HEALTHY
    return PROGRESSING if ready.get("status") == "Unknown" else UNKNOWN


def _said(found: Object) -> str:
    return str(found.get("message") or found.get("reason") or "")
