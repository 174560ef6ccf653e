"""The engine's objects in the cluster: seen, written conditionally, removed, and watched on both axes.

Every write reads first and names the resourceVersion; the fence stands in an annotation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost, StepKey
from provisioning.drivers.gitops.argocd import ArgoCD
from provisioning.drivers.gitops.engines import Axes, Engine, Object, Piece
from provisioning.drivers.gitops.flux import Flux
from provisioning.drivers.gitops.overlay import OWNER
from provisioning.drivers.kubernetes.api import Api, Conflict, Kind
from provisioning.drivers.kubernetes.names import FENCE, OPERATION

ENGINES: Mapping[str, Engine] = {"argocd": ArgoCD(), "flux": Flux()}
_TRIES = 8
_PAUSE_S = 0.1
MANAGED_BY = "app.kubernetes.io/managed-by"


class Applications:
    """The objects of one environment in one cluster."""

    def __init__(self, api: Api, engine: Engine, environment: str) -> None:
        self.api, self.engine, self.environment = api, engine, environment

    def live(self, pieces: Iterable[Piece]) -> dict[str, Object | None]:
        """Each object as it stands, by kind; None where it is absent or belongs to another environment."""
        return {piece.kind: self._own(piece) for piece in pieces}

    def axes(self, pieces: Iterable[Piece]) -> Axes:
        """What the engine says now."""
        return self.engine.axes(self.live(pieces))

    def write(self, piece: Piece, key: StepKey) -> None:
        """Make the object, or bring its spec back to the piece's. Raises LeaseLost for an outdated worker."""
        for _ in range(_TRIES):
            try:
                return self._write(piece, key)
            except Conflict:
                # The controller writes the same object all the time; what counts is read again.
                time.sleep(_PAUSE_S)
        raise DriverUnavailable(f"{piece.kind} {piece.namespace}/{piece.name} changes too often to be written.")

    def ask_to_look(self, pieces: Iterable[Piece], key: StepKey) -> None:
        """Have the controller look at the repository now. Only a hint: its interval brings it there anyway."""
        wanted, annotation = self.engine.refresh
        value = self.engine.refresh_value(datetime.now(UTC).isoformat())
        for piece in pieces:
            there = self._own(piece) if piece.kind == wanted else None
            if there is None:
                continue
            key.guard()
            patch = {"metadata": {"annotations": {annotation: value}}}
            with suppress(Conflict):
                self.api.merge(self._kind(piece), dict(there), patch, manager="berth")

    def remove(self, piece: Piece, key: StepKey) -> bool:
        """Ask for the object's removal; True once it is gone. What belongs to another environment stays."""
        there = self._own(piece)
        if there is None:
            return True
        if not there["metadata"].get("deletionTimestamp"):
            with suppress(Conflict):
                self._remove(piece, there, key)
        return False

    def _write(self, piece: Piece, key: StepKey) -> None:
        kind = self._kind(piece)
        there = self.api.get(kind, piece.namespace, piece.name)
        notes = {OWNER: self.environment, OPERATION: key.operation, FENCE: str(key.fence)}
        if there is None:
            key.guard()
            self.api.create(kind, _body(piece, notes))
            return
        self._refuse(piece, there, key)
        if matches(piece.spec, there.get("spec")) and not _missing(piece, there):
            return
        patch = {
            "metadata": {"annotations": notes, "finalizers": _finalizers(piece, there)},
            "spec": _replacing(there.get("spec") or {}, piece.spec),
        }
        key.guard()
        self.api.merge(kind, dict(there), patch, manager="berth")

    def _remove(self, piece: Piece, there: Object, key: StepKey) -> None:
        self._refuse(piece, there, key)
        kind = self._kind(piece)
        if _missing(piece, there):
            # Without the finalizer the controller would leave everything running.
            key.guard()
            patch = {"metadata": {"finalizers": _finalizers(piece, there)}}
            there = self.api.merge(kind, dict(there), patch, manager="berth")
        key.guard()
        self.api.delete(kind, dict(there))

    def _own(self, piece: Piece) -> Object | None:
        there = self.api.get(self._kind(piece), piece.namespace, piece.name)
        return there if there and _notes(there).get(OWNER) == self.environment else None

    def _refuse(self, piece: Piece, there: Object, key: StepKey) -> None:
        notes = _notes(there)
        if notes.get(OWNER) != self.environment:
            raise DriverRejected(f"{piece.kind} {piece.namespace}/{piece.name} is there already and is not ours.")
        if there["metadata"].get("deletionTimestamp"):
            raise DriverUnavailable(f"{piece.kind} {piece.namespace}/{piece.name} is still being removed.")
        fence = str(notes.get(FENCE, "0"))
        if fence.isdigit() and int(fence) > key.fence:
            raise LeaseLost(f"{piece.address} was written under the newer fence {fence}")

    def _kind(self, piece: Piece) -> Kind:
        return self.api.kind(piece.api_version, piece.kind)


def matches(wanted: Any, there: Any) -> bool:
    """Is everything that is wanted there? What the cluster adds by default does not count."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(matches(item, there.get(key)) for key, item in wanted.items())
    return bool(wanted == there)


def pruned(wanted: Any, there: Any) -> Any:
    """What is there, of what is wanted."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return {key: pruned(item, there[key]) for key, item in wanted.items() if key in there}
    return there


def _notes(there: Object) -> Mapping[str, Any]:
    return there["metadata"].get("annotations") or {}


def _missing(piece: Piece, there: Object) -> bool:
    return not {*piece.finalizers} <= {*(there["metadata"].get("finalizers") or [])}


def _finalizers(piece: Piece, there: Object) -> list[str]:
    return list(dict.fromkeys([*(there["metadata"].get("finalizers") or []), *piece.finalizers]))


def _body(piece: Piece, notes: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": piece.name,
        "namespace": piece.namespace,
        "labels": {MANAGED_BY: "berth"},
        "annotations": dict(notes),
    }
    if piece.finalizers:
        metadata["finalizers"] = list(piece.finalizers)
    return {"apiVersion": piece.api_version, "kind": piece.kind, "metadata": metadata, "spec": dict(piece.spec)}


def _replacing(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch after which exactly what is wanted stands there (RFC 7386: null removes)."""
    patch: dict[str, Any] = dict.fromkeys(set(there) - set(wanted))
    for key, value in wanted.items():
        before = there.get(key)
        patch[key] = _replacing(before, value) if isinstance(value, Mapping) and isinstance(before, Mapping) else value
    return patch
