"""Where a waiting operation stands and what it waits for, as recorded now. How long that takes is not known here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from provisioning import breaker, closures, presence, selectors, states, turns
from provisioning.closures import Closure
from provisioning.models import Operation
from provisioning.states import OperationStatus as S

WAITS = (S.REQUESTED.value, S.QUEUED.value)


@dataclass(frozen=True)
class Waiting:
    """Its position in the line of its pool, why it is not taken yet, and the operation it waits for, if it is one.

    `ahead` counts what stands before it by (kind, template); `closed` is what holds it back, whatever its place.
    """

    position: int
    length: int
    reason: str
    holder: Operation | None
    ahead: dict[tuple[str, int], int]
    closed: Closure | None = None


def waiting(operation: Operation) -> Waiting | None:
    """Where the operation stands; None when it waits for no worker."""
    if operation.status not in WAITS:
        return None
    with connection.cursor() as cursor:
        cursor.execute(turns.PLACE, {**turns.bounds(), "pool": operation.pool, "id": operation.pk})
        row = cursor.fetchone()
    if row is None:
        return None
    position, length, counts = row
    holder = _holder(operation)
    closed = closures.of(operation)
    reason = closed.reason if closed else next(_reasons(operation, holder, position))
    ahead = {(kind, template): number for kind, template, number in counts or []}
    return Waiting(position, length, reason, holder, ahead, closed)


def line(*, skip: int, most: int) -> list[tuple[UUID, int, int]]:
    """A part of what waits, as (operation, position in its pool, length of that pool's line)."""
    with connection.cursor() as cursor:
        cursor.execute(turns.PLACES, {**turns.bounds(), "skip": skip, "most": most})
        return [(pk, place, length) for pk, place, length in cursor.fetchall()]


def _holder(operation: Operation) -> Operation | None:
    """The operation that must end first: of the same environment, or with a lock that this one needs."""
    if operation.status != S.QUEUED:
        return None
    rows = Operation.objects.select_related("environment__template_version")
    active = rows.filter(environment=operation.environment_id, status__in=states.ACTIVE).first()
    if active is not None or operation.waits_for_id is None:
        return active
    return rows.filter(pk=operation.waits_for_id, status__in=states.ACTIVE).first()


def _reasons(operation: Operation, holder: Operation | None, position: int) -> Iterator[str]:
    """What keeps it from being taken, the strongest first; there is always one."""
    if holder is not None and holder.environment_id == operation.environment_id:
        yield f"waiting for {holder.kind} {holder.short_id} on the same environment"
    elif holder is not None:
        yield f"waiting for a lock held by {holder.short_id}"
    yield from _of_target(operation)
    yield from _of_pool(operation)
    if operation.not_before and operation.not_before > timezone.now():
        yield operation.blocked.rstrip(".") or "waiting for its next try"
    if position > 1:
        yield f"{position - 1} before it; people go before schedules, production first, then teams in turn"
    yield "the next free worker takes it"


def _of_target(operation: Operation) -> Iterator[str]:
    target, state = operation.target, breaker.state_for(operation)
    place = f"target {target.slug}" if target else f"the {operation.environment.driver} driver's target"
    if state.probe_at is not None and state.since is not None:
        tries = (
            f"the next try is at {state.probe_at:%H:%M:%S}" if state.word == "open" else "one operation tries it now"
        )
        yield f"{place} has not answered since {state.since:%H:%M:%S} UTC; {tries}"
    if target and target.concurrency and operation.status == S.QUEUED:
        active = selectors.active_on(target)
        if active >= target.concurrency:
            yield f"{place} works on {active} of at most {target.concurrency} operations"


def _of_pool(operation: Operation) -> Iterator[str]:
    seen = presence.last_seen(operation.pool)
    name = f"pool {operation.pool}" if operation.pool else "the default pool"
    if seen is None and operation.pool:
        yield f"no worker serves {name}; none ever has"
    elif seen is not None and seen < timezone.now() - presence.GONE_AFTER and not _is_worked(operation.pool):
        yield f"no worker serves {name} since {seen:%H:%M:%S} UTC"


def _is_worked(pool: str) -> bool:
    """Does a worker of the pool hold a lease, however long it has not looked for more?"""
    return Operation.objects.filter(pool=pool, lease__expires_at__gt=timezone.now()).exists()


def leases(pool: str) -> int:
    """How many operations of the pool are worked on now."""
    rows: Any = Operation.objects.filter(pool=pool, lease__expires_at__gt=timezone.now())
    return int(rows.count())
