"""The only place where a status changes: `move` and `claim`, each one conditional UPDATE … RETURNING.

What is legal stands in states.py. Who may ask, and what the steps do, is not known here.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit.record import record
from provisioning import breaker, holdings, states, turns
from provisioning.models import Environment, Operation, OperationLease, ResourceLock
from provisioning.states import OperationStatus as S


@dataclass(frozen=True)
class Lease:
    """A held claim. Every write of its holder is conditional on the fence.

    `breaker` is that of the target, if it did not answer the last time.
    """

    operation: uuid.UUID
    holder: str
    fence: int
    breaker: int | None = None


def move(
    operation: Operation, to: str, *, fence: int | None = None, data: dict[str, Any] | None = None, **fields: Any
) -> bool:
    """Move an operation to a status if legal from where it is *now*; record the event. False: someone was first.

    With `fence`, only the current holder of the lease may move it. Extra fields are written in the same UPDATE.
    """
    rows = Operation.objects.filter(pk=operation.pk, status__in=states.before(states.OPERATION, to))
    if fence is not None and not _is_current(operation.pk, fence):
        return False
    written = {"status": to, **_that_go_with(to), **fields}
    if not rows.update(**written):
        return False
    for name, value in written.items():
        setattr(operation, name, value)
    if to in states.TERMINAL or to in states.WAITING:
        give_locks(operation.pk)
    if to in states.TERMINAL:
        holdings.ended(operation)
    record(
        states.OPERATION_EVENT[to],
        object=operation.ref,
        scope=f"team:{operation.team_id}",
        data={"kind": operation.kind, "environment": str(operation.environment_id), **(data or {})},
    )
    return True


def _that_go_with(status: str) -> dict[str, Any]:
    """The fields that a status brings with it, unless the caller gives them."""
    if status in states.TERMINAL:
        return {"finished_at": timezone.now(), "blocked": ""}
    return {"queued_at": timezone.now(), "finished_at": None} if status == S.QUEUED else {}


def _is_current(operation: uuid.UUID, fence: int) -> bool:
    """Lock the operation and its lease until the end of the transaction; is the fence still current?

    One statement locks both, the operation first, as `claim` does.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [operation, fence])
        return cursor.fetchone() is not None


def hold(lease: Lease) -> bool:
    """Like `holds`, and nobody can claim the operation until the open transaction has ended."""
    return _is_current(lease.operation, lease.fence)


def move_environment(environment: Environment, to: str, *, fence: int | None = None, **fields: Any) -> bool:
    """Move an environment to a status if legal now and, with `fence`, if no newer owner has written it."""
    rows = Environment.objects.filter(pk=environment.pk, status__in=[*states.before(states.ENVIRONMENT, to), to])
    if fence is not None:
        rows = rows.filter(fence__lte=fence)
        fields["fence"] = fence
    if not rows.update(status=to, changed_at=timezone.now(), **fields):
        return False
    for name, value in {"status": to, **fields}.items():
        setattr(environment, name, value)
    return True


_HOLD = """
SELECT 1 FROM provisioning_operation o JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE o.id = %s AND l.fence = %s AND l.expires_at > clock_timestamp()
FOR UPDATE OF o, l
"""
_HOLDS = """
SELECT 1 FROM provisioning_operationlease
WHERE operation_id = %s AND fence = %s AND expires_at > clock_timestamp() + make_interval(secs => %s)
"""
_RELEASE = "DELETE FROM provisioning_operationlease WHERE operation_id = %s AND fence = %s"

# A statement of its own, because it must see leases as they are now that the row is locked: another worker may have
# claimed and committed after the snapshot in which the candidate was found.
_CLAIM = """
WITH lease AS (
    INSERT INTO provisioning_operationlease AS l (operation_id, holder, fence, expires_at)
    VALUES (%(id)s, %(holder)s, nextval('provisioning_fence'), now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (operation_id) DO UPDATE
    SET holder = excluded.holder, fence = excluded.fence, expires_at = excluded.expires_at
    WHERE l.expires_at + make_interval(secs => %(strays)s) < now()
    RETURNING operation_id, fence
),
taken AS (
    UPDATE provisioning_operation o
    SET status = CASE o.status WHEN 'requested' THEN 'planning' WHEN 'queued' THEN 'running' ELSE o.status END,
        attempts = o.attempts + 1,
        started_at = CASE o.status WHEN 'queued' THEN coalesce(o.started_at, now()) ELSE o.started_at END,
        blocked = '', waits_for_id = NULL
    FROM lease WHERE o.id = lease.operation_id
    RETURNING o.id, o.team_id, lease.fence
),
turn AS (
    UPDATE provisioning_teamturn t SET turn = taken.fence FROM taken
    WHERE t.team_id = (SELECT team_id FROM provisioning_teamturn WHERE team_id = taken.team_id FOR UPDATE SKIP LOCKED)
),
first_turn AS (
    INSERT INTO provisioning_teamturn (team_id, turn) SELECT team_id, fence FROM taken
    WHERE NOT EXISTS (SELECT 1 FROM provisioning_teamturn t WHERE t.team_id = taken.team_id) ON CONFLICT DO NOTHING
)
SELECT fence, audit.record_event('operation.claimed', 'operation:' || id, '',
        jsonb_build_object('holder', %(holder)s::text, 'fence', fence)),
    set_config('app.ctx', jsonb_set(current_setting('app.ctx')::jsonb, '{operation}',
        to_jsonb('operation:' || id))::text, true) FROM taken
"""

# Whoever comes second waits here for the first, and then counts again what is active by now.
_ENTER = "SELECT concurrency FROM provisioning_target WHERE id = %s FOR NO KEY UPDATE"
_HAS_ROOM = """
SELECT count(a.id) < t.concurrency FROM provisioning_target t
LEFT JOIN provisioning_operation a ON a.target_id = t.id AND a.status = ANY(%s)
WHERE t.id = %s GROUP BY t.id
"""
MOST_PASSED = 20


def claim(*, holder: str, only: uuid.UUID | None = None, pools: Sequence[str] | None = None) -> Lease | None:
    """Take the next operation that is ready, in the order of turns.py, from these pools. None: nothing to do.

    A lapsed one is taken only after its old lease and one call limit, so that no write of its last owner is in flight.

    Call inside an audit context. Counts valid signatures in the same statement that locks the row; a second worker
    for the same operation is stopped by the lease, one for the same environment by the partial unique index as well.
    What else is written in the transaction is recorded as done for the operation.
    """
    wanted = {
        **turns.bounds(),
        "only": only,
        "pools": list(settings.BERTH.pools if pools is None else pools),
        "holder": holder,
        "seconds": settings.BERTH.lease_seconds,
    }
    passed: list[uuid.UUID] = []
    with connection.cursor() as cursor:
        for _ in range(MOST_PASSED):
            row = _first({**wanted, "passed": passed})
            if row is None:
                return None
            pk, target, failing, is_open = row
            if target is not None and not _has_room(target):
                passed.append(target)
                continue
            if is_open and not breaker.begin_probe(failing, pk):
                continue
            cursor.execute(_CLAIM, {**wanted, "id": pk})
            taken = cursor.fetchone()
            return Lease(operation=pk, holder=holder, fence=taken[0], breaker=failing) if taken else None
    return None


def _first(wanted: dict[str, Any]) -> tuple[Any, ...] | None:
    """Lock whoever is first. Prepared on the server, because planning it takes longer than running it."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(turns.CANDIDATE, wanted, prepare=True).fetchone()


def _has_room(target: uuid.UUID) -> bool:
    """Is less active on the target than it may take at once? Nobody else can enter until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, [target])
        cursor.execute(_HAS_ROOM, [sorted(states.ACTIVE), target])
        return bool(cursor.fetchone()[0])


def next_fence() -> int:
    """A fence newer than every other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('provisioning_fence')")
        return int(cursor.fetchone()[0])


def seize(operation: uuid.UUID, *, holder: str) -> Lease:
    """Take an operation from whoever holds it, now: no write of the holder before counts any more.

    Call inside an audit context, the operation locked.
    """
    fence = next_fence()
    until = timezone.now() + timedelta(seconds=settings.BERTH.lease_seconds)
    OperationLease.objects.update_or_create(
        operation_id=operation, defaults={"holder": holder, "fence": fence, "expires_at": until}
    )
    record("operation.seized", object=f"operation:{operation}", data={"holder": holder, "fence": fence})
    return Lease(operation=operation, holder=holder, fence=fence)


def renew(lease: Lease) -> bool:
    """Prolong a lease that is still held. False: it was lost."""
    now = timezone.now()
    return bool(
        OperationLease.objects.filter(operation=lease.operation, fence=lease.fence, expires_at__gt=now).update(
            expires_at=now + timedelta(seconds=settings.BERTH.lease_seconds)
        )
    )


def holds(lease: Lease, *, seconds: float = 0) -> bool:
    """Does the lease outlive the next `seconds`?"""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS, [lease.operation, lease.fence, seconds])
        return cursor.fetchone() is not None


def take_locks(lease: Lease, keys: tuple[str, ...]) -> ResourceLock | None:
    """Take every key, in sorted order, for the lease's operation. Returns the lock that stands in the way, or None.

    Call inside an audit context. What was taken stays with the operation, whoever works on it, until it ends.
    """
    for key in sorted(keys):
        ResourceLock.objects.bulk_create(
            [ResourceLock(key=key, operation_id=lease.operation, fence=lease.fence)], ignore_conflicts=True
        )
        held = ResourceLock.objects.select_related("operation").get(key=key)
        if held.operation_id != lease.operation:
            return held
    return None


def give_locks(operation: uuid.UUID) -> None:
    """Give every lock of an operation back."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM provisioning_resourcelock WHERE operation_id = %s", [operation])


def release(lease: Lease) -> None:
    """Give a lease back at the end of the work."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [lease.operation, lease.fence])
