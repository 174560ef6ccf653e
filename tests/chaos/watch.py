"""Watches the operations all the time: at most one active per environment, and each goes on within a minute."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

WITHIN_S = 60.0
# Longer than any next try, one after a breaker's longest pause, may be away.
WAITS_AT_MOST_S = 150.0
# Must not be tried yet: it was put off, or its target's breaker is open.
_PUT_OFF = """coalesce(o.not_before > now(), false) OR EXISTS (
    SELECT 1 FROM provisioning_breaker b JOIN provisioning_environment e ON e.id = o.environment_id
    WHERE b.probe_at > now() AND b.driver = e.driver AND b.target_id IS NOT DISTINCT FROM o.target_id)"""
# Claimed now, or ready to be: nothing on the same environment in the way, and no next try to wait for.
_ACTIVE = f"""
SELECT count(*) FROM provisioning_operation o
LEFT JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE (l.expires_at > now() AND o.status NOT IN ('awaiting_approval', 'held'))
   OR (NOT ({_PUT_OFF})
       AND (o.status IN ('requested', 'planning', 'running', 'verifying', 'failing', 'cancelling')
            OR (o.status = 'queued' AND NOT EXISTS (SELECT 1 FROM provisioning_operation a
                 WHERE a.environment_id = o.environment_id
                   AND a.status IN ('running', 'verifying', 'failing', 'cancelling')))))
"""
_OPEN = f"""
SELECT o.id::text, o.environment_id::text, o.kind, o.status, o.attempts, coalesce(l.fence, 0),
       {_PUT_OFF},
       (SELECT count(*) FROM provisioning_operationstep s WHERE s.operation_id = o.id AND s.status <> 'pending'),
       coalesce((SELECT max(g.id) FROM provisioning_operationlog g WHERE g.operation_id = o.id), 0),
       CASE WHEN o.status IN ('requested', 'queued') THEN (SELECT count(*) FROM provisioning_operation b
           WHERE b.finished_at IS NULL AND b.created_at < o.created_at) ELSE 0 END, o.blocked
FROM provisioning_operation o LEFT JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE o.finished_at IS NULL
"""
_CLAIMED = {"running", "verifying", "failing", "cancelling"}


@dataclass
class Open:
    """One operation that has not ended, and what would show that it goes on; in the queue, that it moves up."""

    pk: str
    environment: str
    kind: str
    status: str
    sign: tuple[Any, ...]
    put_off: bool
    blocked: str


@dataclass
class Struck:
    """A fault, and who was open when everything was up again; recovered when all of these have gone on."""

    what: str
    fired: float
    over: float
    waiting: dict[str, tuple[Any, ...]] | None = None


@dataclass
class Watch:
    """Signs of life of every open operation, faults that are not overcome yet, and what was found wrong."""

    signs: dict[str, tuple[tuple[Any, ...], float]] = field(default_factory=dict)
    struck: list[Struck] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    longest_s: float = 0.0

    def strike(self, what: str, seconds: float) -> None:
        """Remember a fault that is over after so many seconds."""
        now = time.monotonic()
        self.struck.append(Struck(what, now, now + seconds))

    def look(self, *, whole: bool) -> int:
        """Look once; how many operations are open. `whole`: every process is up again."""
        rows = _open()
        now = time.monotonic()
        active = Counter(row.environment for row in rows if row.status in _CLAIMED)
        self.doubled |= {f"two active on {environment}" for environment, count in active.items() if count > 1}
        busy = set(active)
        known, self.signs = self.signs, {}
        for row in rows:
            sign, since = known.get(row.pk, (row.sign, now))
            since = since if sign == row.sign and not self._may_wait(row, busy) else now
            self.signs[row.pk] = (row.sign, since)
            if now - since > (WAITS_AT_MOST_S if row.put_off else WITHIN_S):
                self.stuck.add(f"{row.kind} {row.pk} {row.status} {row.blocked}")
        self._recover(rows, now, whole=whole)
        return len(rows)

    @staticmethod
    def _may_wait(row: Open, busy: set[str]) -> bool:
        """For people, or for another operation on the same environment, which is watched itself."""
        return row.status in {"awaiting_approval", "held"} or (row.status == "queued" and row.environment in busy)

    def _recover(self, rows: list[Open], now: float, *, whole: bool) -> None:
        """A fault is overcome once each operation that it found has moved since everything is up, or has ended."""
        signs = {row.pk: row.sign for row in rows}
        waits = {row.pk for row in rows if row.put_off or self._may_wait(row, set())}
        for fault in list(self.struck):
            if fault.waiting is None:
                if whole and now >= fault.over:
                    fault.waiting = signs
                elif now - fault.over > WITHIN_S:
                    self.stuck.add(f"{fault.what}: not everything is up again")
                continue
            fault.waiting = {
                pk: sign for pk, sign in fault.waiting.items() if signs.get(pk) == sign and pk not in waits
            }
            if not fault.waiting:
                self.longest_s = max(self.longest_s, now - fault.fired)
                self.struck.remove(fault)
            elif now - fault.over > WITHIN_S:
                self.stuck.add(f"{fault.what}: {len(fault.waiting)} operations did not go on")


def active() -> int:
    """How many operations are claimed or ready to be."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE)
        return int(cursor.fetchone()[0])


def _open() -> list[Open]:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        return [_row(*row) for row in cursor.fetchall()]


def _row(*row: Any) -> Open:
    pk, environment, kind, status, attempts, fence, put_off, steps, log, before, blocked = row
    sign = (status, attempts, fence, steps, log, put_off, before)
    return Open(pk, environment, kind, status, sign, put_off, blocked)
