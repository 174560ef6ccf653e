"""What an engine is: the objects it needs in the cluster, and how it tells sync and health. Argo CD and Flux follow.

Two axes, never one: "does the cluster run what is committed" and "is what runs well". No network here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.drivers.gitops.place import Place

SYNCED, OUT_OF_SYNC, NEVER, UNKNOWN = "synced", "out of sync", "never synced", "unknown"
HEALTHY, PROGRESSING, DEGRADED, SUSPENDED, MISSING = "healthy", "progressing", "degraded", "suspended", "missing"

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """What an engine shall carry into the cluster: a folder of a branch, into a namespace."""

    place: Place
    name: str
    folder: str
    namespace: str
    is_chart: bool


@dataclass(frozen=True)
class Piece:
    """One object the engine needs. `address` is how plans name it."""

    api_version: str
    kind: str
    name: str
    namespace: str
    spec: Object
    finalizers: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.kind.lower()}:{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Axes:
    """What the engine says now. `failed`: it tried and says that it cannot; `revision`: the commit it speaks of."""

    sync: str
    health: str
    revision: str = ""
    why_not_synced: str = ""
    why_not_healthy: str = ""
    failed: bool = False


class Engine(ABC):
    """One kind of controller that carries a repository into a cluster."""

    title: str
    refresh: tuple[str, str]
    """The kind to annotate, and the annotation by which the controller looks at the repository at once."""

    @abstractmethod
    def pieces(self, source: Source) -> tuple[Piece, ...]:
        """The objects for an environment, in the order they are made; removed in reverse."""

    @abstractmethod
    def axes(self, live: Mapping[str, Object | None]) -> Axes:
        """Sync and health from the live objects, by kind."""

    def refresh_value(self, moment: str) -> str:
        """The annotation's value; `moment` differs each time."""
        return moment


def condition(live: Object, kind: str) -> Object:
    """One condition of an object's status, or nothing."""
    found = (live.get("status") or {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), {})
