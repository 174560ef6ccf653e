"""Watches the operations all the time: at most one active per environment, and each goes on within a minute."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

WITHIN_S = 60.0
# Claimed now, or ready to be: nothing on the same environment in the way, and no next try to wait for.
_ACTIVE = """
SELECT count(*) FROM provisioning_operation o
LEFT JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE (l.expires_at > now() AND o.status NOT IN ('awaiting_approval', 'held'))
   OR ((o.not_before IS NULL OR o.not_before <= now())
       AND (o.status IN ('requested', 'planning', 'running', 'verifying', 'failing', 'cancelling')
            OR (o.status = 'queued' AND NOT EXISTS (SELECT 1 FROM provisioning_operation a
                 WHERE a.environment_id = o.environment_id
                   AND a.status IN ('running', 'verifying', 'failing', 'cancelling')))))
"""
_OPEN = """
SELECT o.id::text, o.environment_id::text, o.kind, o.status, o.attempts, coalesce(l.fence, 0),
       (o.not_before > now()) IS TRUE,
       (SELECT count(*) FROM provisioning_operationstep s WHERE s.operation_id = o.id AND s.status <> 'pending'),
       coalesce((SELECT max(g.id) FROM provisioning_operationlog g WHERE g.operation_id = o.id), 0), o.blocked
FROM provisioning_operation o LEFT JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE o.finished_at IS NULL
"""
_CLAIMED = {"running", "verifying", "failing", "cancelling"}


@dataclass
class Open:
    """One operation that has not ended, and what would show that it goes on."""

    pk: str
    environment: str
    kind: str
    status: str
    sign: tuple[Any, ...]
    waits: bool
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
            held_up = row.waits or (row.status == "queued" and row.environment in busy)
            sign, since = known.get(row.pk, (row.sign, now))
            self.signs[row.pk] = (row.sign, now if sign != row.sign or held_up else since)
            if now - self.signs[row.pk][1] > WITHIN_S:
                self.stuck.add(f"{row.kind} {row.pk} {row.status} {row.blocked}")
        self._recover(rows, now, whole=whole)
        return len(rows)

    def _recover(self, rows: list[Open], now: float, *, whole: bool) -> None:
        """A fault is overcome once each operation that it found has moved since everything is up, or has ended."""
        signs = {row.pk: row.sign for row in rows}
        waits = {row.pk for row in rows if row.waits}
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
    pk, environment, kind, status, attempts, fence, put_off, steps, log, blocked = row
    waits = put_off or status in {"awaiting_approval", "held"}
    return Open(pk, environment, kind, status, (status, attempts, fence, steps, log), waits, blocked)
