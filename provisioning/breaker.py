"""Stops trying a target that does not answer: opens after failures in a row, then lets one operation probe it.

A registered target has a breaker of its own; a driver's own place has one a driver. Whether work is taken is the
claim's decision (turns.py); here failures are counted and the state told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit.context import context
from audit.record import record
from provisioning import turns
from provisioning.models import Breaker, Operation

OPENS_AFTER = 5
FIRST_SECONDS = 2.0
CAP_SECONDS = 30.0

_FIRST = """
INSERT INTO provisioning_breaker (driver, target_id, failures, reason) VALUES (%(driver)s, %(target)s, 0, '')
ON CONFLICT DO NOTHING
"""
_PLACE = "driver = %(driver)s AND target_id IS NOT DISTINCT FROM %(target)s"
_FAILED = f"""
UPDATE provisioning_breaker SET failures = failures + 1, reason = %(reason)s,
    opened_at = CASE WHEN failures + 1 >= %(after)s THEN coalesce(opened_at, now()) END,
    probe_at = CASE WHEN failures + 1 >= %(after)s
        THEN now() + make_interval(secs => (0.75 + random() / 4)
            * least(%(cap)s, %(first)s * 2 ^ least(20, failures + 1 - %(after)s))) END,
    probe_id = NULL
WHERE {_PLACE}
RETURNING id, failures, probe_at
"""  # noqa: S608 - constant SQL
_ANSWERED = f"""
UPDATE provisioning_breaker SET failures = 0, opened_at = NULL, probe_at = NULL, probe_id = NULL, reason = '' FROM (
    SELECT id AS known, opened_at AS since FROM provisioning_breaker WHERE {_PLACE} AND failures > 0 FOR UPDATE
) old WHERE id = old.known RETURNING id, old.since
"""  # noqa: S608 - constant SQL
_PROBE = """
UPDATE provisioning_breaker SET probe_at = now() + make_interval(secs => %s), probe_id = %s
WHERE id = %s AND opened_at IS NOT NULL AND probe_at <= now()
"""
# What was put off while nothing answered need not wait out its own time.
_GO_ON = """
UPDATE provisioning_operation o SET not_before = NULL FROM provisioning_environment e
WHERE e.id = o.environment_id AND e.driver = %(driver)s AND o.target_id IS NOT DISTINCT FROM %(target)s
  AND o.status = ANY(%(ready)s) AND o.not_before > now()
"""


@dataclass(frozen=True)
class State:
    """What a target's breaker says: `closed`, `open`, or `half-open` while one operation tries."""

    word: str
    failures: int = 0
    since: datetime | None = None
    probe_at: datetime | None = None
    reason: str = ""
    probe: UUID | None = None


def _place(operation: Operation) -> dict[str, Any]:
    return {"driver": operation.environment.driver, "target": operation.target_id}


def begin_probe(pk: int, operation: UUID) -> bool:
    """May this operation try now? Nobody else may until it answered, or could have died twice over."""
    seconds = 2 * (settings.BERTH.lease_seconds + settings.BERTH.call_limit_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_PROBE, [seconds, operation, pk])
        if cursor.rowcount:
            return True
    return Breaker.objects.filter(pk=pk, opened_at=None).exists()


def failed(operation: Operation, *, by: str, reason: str) -> None:
    """Count one call that the target did not answer; open at the fifth in a row, longer after each probe."""
    wanted = {
        **_place(operation),
        "reason": reason[:300],
        "after": OPENS_AFTER,
        "first": FIRST_SECONDS,
        "cap": CAP_SECONDS,
    }
    with context(by=by, operation=operation.ref), connection.cursor() as cursor:
        cursor.execute(_FIRST, wanted)
        cursor.execute(_FAILED, wanted)
        _, failures, probe_at = cursor.fetchone()
        if probe_at is not None:
            word = "opened" if failures == OPENS_AFTER else "probe_failed"
            _tell(operation, word, {"failures": failures, "probe_at": probe_at, "reason": reason})


def answered(operation: Operation, *, by: str) -> None:
    """The target answered: forget its failures, and let what was put off go on."""
    with context(by=by, operation=operation.ref), connection.cursor() as cursor:
        cursor.execute(_ANSWERED, _place(operation))
        row = cursor.fetchone()
        if row is not None and row[1] is not None:
            _tell(operation, "closed", {"open_since": row[1]})
            cursor.execute(_GO_ON, {**_place(operation), "ready": turns.bounds()["ready"]})


def end_probe(pk: int, operation: UUID) -> None:
    """The operation ended before it asked the target anything: let another one try."""
    Breaker.objects.filter(pk=pk, probe=operation).update(probe=None, probe_at=timezone.now())


def _tell(operation: Operation, word: str, data: dict[str, Any]) -> None:
    target = operation.target
    object_ = target.ref if target else f"driver:{operation.environment.driver}"
    record(f"breaker.{word}", object=object_, data=data)


def state(row: Breaker | None) -> State:
    """A breaker in words."""
    if row is None:
        return State("closed")
    if row.opened_at is None or row.probe_at is None:
        return State("closed", row.failures, reason=row.reason)
    tries = row.probe_id is not None or row.probe_at <= timezone.now()
    word = "half-open" if tries else "open"
    return State(word, row.failures, row.opened_at, row.probe_at, row.reason, row.probe_id)


def state_for(operation: Operation) -> State:
    """The breaker that an operation depends on."""
    return state(Breaker.objects.filter(driver=operation.environment.driver, target=operation.target_id).first())
