"""A waiting operation's place in the queue with an estimate, from how long operations like it usually took."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from observability.usual import operation_seconds
from provisioning import waiting
from provisioning.models import Operation

Like = tuple[str, int]


@dataclass(frozen=True)
class QueuePlace:
    """ "2nd of 5, waiting for a lock held by op-123abc, usually 40 s".

    `usual_seconds` is how long what it waits for usually takes, or else it itself; `starts_in_seconds` the estimate
    until its turn. None where nothing like it ended in the last month.
    """

    position: int
    length: int
    reason: str
    holder: Operation | None
    usual_seconds: float | None
    starts_in_seconds: float | None

    @property
    def words(self) -> str:
        """All of it in one sentence without a full stop."""
        parts = [f"{ordinal(self.position)} of {self.length}", self.reason]
        if self.usual_seconds is not None:
            parts.append(_("usually %s") % seconds_in_words(self.usual_seconds))
        return ", ".join(parts)


def place_in_queue(operation: Operation) -> QueuePlace | None:
    """Where it stands, why, and about how long; None when it waits for no worker."""
    found = waiting.waiting(operation)
    if found is None:
        return None
    if found.closed is not None:
        until = found.closed.until
        opens = None if until is None else max(0.0, (until - timezone.now()).total_seconds())
        return QueuePlace(found.position, found.length, found.reason, None, None, opens)
    own, held = _like(operation), _like(found.holder) if found.holder else None
    usual = operation_seconds({own, *found.ahead, *([held] if held else [])})
    if found.holder is not None and held is not None:
        took, began = usual.get(held), found.holder.started_at or timezone.now()
        left = None if took is None else max(0.0, took - (timezone.now() - began).total_seconds())
        return QueuePlace(found.position, found.length, found.reason, found.holder, took, left)
    total = _total(found.ahead, usual)
    workers = max(1, waiting.leases(operation.pool))
    starts = None if total is None else total / workers
    return QueuePlace(found.position, found.length, found.reason, None, usual.get(own), starts)


def _like(operation: Operation) -> Like:
    return operation.kind, operation.environment.template_version.template_id


def _total(ahead: dict[Like, int], usual: dict[Like, float]) -> float | None:
    """Seconds of everything ahead; None when nothing of it is known."""
    known = [number * usual[like] for like, number in ahead.items() if like in usual]
    return sum(known) if known or not ahead else None


def ordinal(number: int) -> str:
    """ "1st", "2nd", "13th"."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def seconds_in_words(seconds: float) -> str:
    """ "40 s", "3 min", "2 h"."""
    if seconds < 1:
        return _("under 1 s")
    if seconds < 100:
        return _("%d s") % round(seconds)
    return _("%d min") % round(seconds / 60) if seconds < 6000 else _("%d h") % round(seconds / 3600)
