"""Waiting for an engine: sync and health as two axes, each with a plain sentence when it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable

from provisioning.drivers.base import DriverRejected, DriverUnavailable, Log, StepKey
from provisioning.drivers.gitops.applications import Applications
from provisioning.drivers.gitops.engines import (
    DEGRADED,
    HEALTHY,
    NEVER,
    OUT_OF_SYNC,
    SUSPENDED,
    SYNCED,
    Axes,
    Piece,
)
from provisioning.drivers.gitops.landing import Landing
from provisioning.drivers.gitops.place import Place
from provisioning.redaction import KNOWN

CANCELLED = "Somebody asked to cancel, so the wait was ended."
LEASE_EVERY_S = 10.0
_POLL_S = 0.5
_LONGEST = 240


class Patience:
    """The time that a wait may take from now on, a moment after the other."""

    def __init__(self, seconds: float, key: StepKey, poll_s: float = _POLL_S) -> None:
        self._key, self._poll_s = key, poll_s
        self._ends, self._asked = time.monotonic() + seconds, time.monotonic()

    def goes_on(self) -> bool:
        """Wait a moment; False when the time is over. Raises LeaseLost, or DriverUnavailable to cancel."""
        now = time.monotonic()
        if now > self._ends:
            return False
        if self._key.stopping():
            raise DriverUnavailable(CANCELLED)
        if now - self._asked >= LEASE_EVERY_S:
            # Waiting writes nothing, but whoever lost the operation need not wait for it.
            self._key.guard()
            self._asked = now
        time.sleep(self._poll_s)
        return True


class Watch:
    """Watches the engine's objects of one environment."""

    def __init__(self, applications: Applications, place: Place, pieces: tuple[Piece, ...]) -> None:
        self.applications, self.place, self.pieces = applications, place, pieces
        self.title = applications.engine.title

    def until_synced(self, expected: Landing, key: StepKey, log: Log) -> str:
        """Wait until the engine has applied a revision that holds what is expected; returns that revision."""
        axes = self.applications.axes(self.pieces)
        if not self._holds(axes, expected):
            self.applications.ask_to_look(self.pieces, key)
        failing = Lasting(lambda axes: axes.failed)
        axes = self._until(lambda axes: self._holds(axes, expected), failing, Patience(self.place.waits.sync, key), log)
        if self._holds(axes, expected):
            log(f"{self.title} has synced {axes.revision[:12]}")
            return axes.revision
        sentence = self._not_synced(axes)
        raise DriverRejected(sentence) if axes.failed else DriverUnavailable(sentence)

    def until_healthy(self, key: StepKey, log: Log) -> None:
        """Wait until what runs is healthy; a Degraded that lasts is final."""
        ill = Lasting(lambda axes: axes.health == DEGRADED)
        axes = self._until(_is_well, ill, Patience(self.place.waits.health, key), log)
        if _is_well(axes):
            log(f"{self.title} finds it {axes.health}")
            return
        said = shown(axes.why_not_healthy)
        if axes.health == DEGRADED:
            raise DriverRejected(f"It is synced, but {self.title} finds it degraded{said}")
        raise DriverUnavailable(f"It is synced, but after {self.place.waits.health} s still {axes.health}{said}")

    def until_gone(self, key: StepKey, log: Log) -> None:
        """Remove the objects in reverse and wait until the engine has let each go."""
        for piece in reversed(self.pieces):
            patience = Patience(self.place.waits.sync, key)
            while not self.applications.remove(piece, key):
                if not patience.goes_on():
                    raise DriverUnavailable(
                        f"{self.title} has not finished removing {piece.kind} {piece.namespace}/{piece.name}: its "
                        "finalizer is still there. Is the controller running?"
                    )
            log(f"{piece.kind} {piece.namespace}/{piece.name} is gone")

    def _until(self, reached: Callable[[Axes], bool], trouble: Lasting, patience: Patience, log: Log) -> Axes:
        """The axes once they are reached, once trouble has lasted, or once the time is over. Each news is logged."""
        told = ""
        while True:
            axes = self.applications.axes(self.pieces)
            news = f"{self.title}: {axes.sync}, {axes.health}"
            if news != told:
                log(news)
                told = news
            if reached(axes) or trouble.lasted(axes, self.place.waits.degraded) or not patience.goes_on():
                return axes

    def _holds(self, axes: Axes, expected: Landing) -> bool:
        if axes.sync != SYNCED or not axes.revision:
            return False
        return expected.holds_at(axes.revision, self.place.branch)

    def _not_synced(self, axes: Axes) -> str:
        said = shown(axes.why_not_synced)
        if axes.sync == NEVER:
            return f"{self.title} has never looked at it in {self.place.waits.sync} s. Is its controller running?"
        if axes.failed:
            return f"{self.title} cannot sync it{said}"
        if axes.sync == OUT_OF_SYNC:
            return f"It is committed, but {self.title} finds the cluster out of sync{said}"
        return f"{self.title} still runs an older commit ({axes.revision[:12] or 'none'}), {axes.sync}{said}"


class Lasting:
    """Tells whether something has been true without a break for long enough."""

    def __init__(self, is_true: Callable[[Axes], bool]) -> None:
        self._is_true = is_true
        self._since: float | None = None

    def lasted(self, axes: Axes, seconds: float) -> bool:
        """Is it true now, and was it all the time for so many seconds?"""
        if not self._is_true(axes):
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= seconds


def shown(message: str) -> str:
    """A reason as the end of a sentence; an engine's words may hold anything, so they are redacted and cut."""
    clean = " ".join(KNOWN(message).split())[:_LONGEST].rstrip(".")
    return f": {clean}." if clean else "."


def _is_well(axes: Axes) -> bool:
    return axes.health in {HEALTHY, SUSPENDED}
