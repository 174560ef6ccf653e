"""Argo CD: one Application for each environment. Fields as in its Application CRD, argoproj.io/v1alpha1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioning.drivers.gitops.engines import (
    DEGRADED,
    NEVER,
    OUT_OF_SYNC,
    SYNCED,
    UNKNOWN,
    Axes,
    Engine,
    Object,
    Piece,
    Source,
)

KIND = "Application"
_SYNC = {"Synced": SYNCED, "OutOfSync": OUT_OF_SYNC}
_ERRORS = ("ComparisonError", "InvalidSpecError", "SyncError", "UnknownError")
_MOST = 3


class ArgoCD(Engine):
    """Reads `status.sync`, `status.health` and `status.operationState` of the Application."""

    title = "Argo CD"
    refresh = (KIND, "argocd.argoproj.io/refresh")

    def pieces(self, source: Source) -> tuple[Piece, ...]:
        place = source.place
        spec = {
            "project": place.project,
            "source": {"repoURL": place.repository, "targetRevision": place.branch, "path": source.folder},
            "destination": {"server": place.destination, "namespace": source.namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true"],
            },
        }
        finalizers = ("resources-finalizer.argocd.argoproj.io",)
        return (Piece("argoproj.io/v1alpha1", KIND, source.name, place.namespace, spec, finalizers),)

    def refresh_value(self, moment: str) -> str:
        return "normal"

    def axes(self, live: Mapping[str, Object | None]) -> Axes:
        status = (live.get(KIND) or {}).get("status") or {}
        sync, health = status.get("sync") or {}, status.get("health") or {}
        done = status.get("operationState") or {}
        errors = [c.get("message", "") for c in status.get("conditions") or [] if c.get("type") in _ERRORS]
        failed = done.get("phase") in {"Failed", "Error"}
        why = "; ".join([*errors, *([done.get("message", "")] if failed else []), *_differing(status)][:_MOST])
        return Axes(
            sync=_SYNC.get(sync.get("status", ""), UNKNOWN if sync.get("status") else NEVER),
            health=str(health.get("status") or UNKNOWN).lower(),
            revision=str(sync.get("revision") or ""),
            why_not_synced=why,
            why_not_healthy=str(health.get("message") or "; ".join([*_ill(status)][:_MOST])),
            failed=failed or bool(errors),
        )


def _differing(status: Object) -> Iterator[str]:
    for each in status.get("resources") or []:
        if each.get("status") == "OutOfSync":
            yield f"{each.get('kind')} {each.get('name')} differs"


def _ill(status: Object) -> Iterator[str]:
    for each in status.get("resources") or []:
        health = each.get("health") or {}
        if str(health.get("status")).lower() == DEGRADED:
            yield f"{each.get('kind')} {each.get('name')}: {health.get('message') or 'degraded'}"
