"""Removes what stands in the orphan ledger: an environment at a time, leased, with backoff, until it is gone."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import stops
from provisioning import ledger, states
from provisioning.drivers.base import DriverError, DriverUnavailable, LeaseLost, Resources, StepKey
from provisioning.drivers.registry import driver
from provisioning.lifecycle import next_fence
from provisioning.models import Environment, Operation, Orphan
from provisioning.redaction import place_of, said_by
from provisioning.runs.log import StepLog
from provisioning.runs.outcome import DEFECT
from provisioning.runs.store import AWAY
from provisioning.specs import spec_of
from provisioning.states import EnvironmentStatus as E

log = logging.getLogger(__name__)
BATCH = 10
BY = "system:orphans"
HOLD_SECONDS = 180
CAP_SECONDS = 3600


@dataclass(frozen=True)
class Claimed:
    """The open rows of one environment under one lease."""

    environment: Environment
    orphans: tuple[int, ...]
    operation: Operation
    attempt: int
    fence: int


def removable() -> Q:
    """Orphans whose environment shall not exist: destroyed, or never made."""
    gone = Q(environment__status=E.DESTROYED)
    return gone | Q(environment__status=E.FAILED, environment__ready_at=None)


def sweep() -> dict[str, int]:
    """Try what is due, at most `BATCH` environments. Safe to run twice at once."""
    done = {"removed": 0, "left": 0}
    if stops.is_on(*stops.PAUSES_RECONCILE):
        return done
    for _ in range(BATCH):
        claimed = _claim()
        if claimed is None:
            break
        removed = remove(claimed)
        done["removed"] += removed
        done["left"] += len(claimed.orphans) - removed
    return done


def _due() -> Q:
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    ready = Q(not_before=None) | Q(not_before__lte=now)
    return Q(removed_at=None, automatic=True) & free & ready & removable()


def _claim() -> Claimed | None:
    """Lease every open row of the environment that waited longest. None: nothing is due."""
    active = Operation.objects.filter(environment=OuterRef("environment"), status__in=states.ACTIVE)
    due = Orphan.objects.filter(_due(), ~Exists(active)).order_by("not_before", "pk")
    first = due.values_list("environment", flat=True).first()
    if first is None:
        return None
    with context(by=BY, reason="what should not exist is removed"):
        environment = _locked(first)
        if environment is None or _is_busy(first):
            return None
        rows = Orphan.objects.filter(_due(), environment=first)
        ids = tuple(rows.values_list("pk", flat=True))
        if not ids:
            return None
        attempt = 1 + (rows.aggregate(most=Max("attempts"))["most"] or 0)
        fence = next_fence()
        until = timezone.now()
        Orphan.objects.filter(pk__in=ids).update(
            attempts=attempt,
            leased_until=until + timedelta(seconds=HOLD_SECONDS),
            not_before=until + timedelta(seconds=delay(attempt)),
        )
        Environment.objects.filter(pk=first, fence__lt=fence).update(fence=fence)
        operation = Operation.objects.select_related("environment").get(orphans__pk=ids[0])
    return Claimed(environment, ids, operation, attempt, fence)


def _locked(environment: UUID) -> Environment | None:
    rows = Environment.objects.select_for_update(of=("self",), skip_locked=True)
    return (
        rows.select_related("service__team", "team", "owner", "target", "template_version__template")
        .filter(pk=environment)
        .first()
    )


def _is_busy(environment: UUID) -> bool:
    return Operation.objects.filter(environment=environment, status__in=states.ACTIVE).exists()


def delay(attempt: int) -> float:
    """Seconds until the next try: doubling from 2 to an hour."""
    return float(min(CAP_SECONDS, 2 ** min(attempt, 12)))


def remove(claimed: Claimed) -> int:
    """Have the driver destroy what is there, then observe; how many rows are closed."""
    try:
        left, error = _destroy(claimed), ""
    except LeaseLost:
        return 0
    except DriverError as problem:
        return _record(claimed, None, said_by(problem))
    except AWAY:
        raise
    except Exception as problem:  # noqa: BLE001 - the sweep must survive any defect of a driver
        log.error("removing orphans of %s stopped by a defect: %s", claimed.environment.pk, place_of(problem))
        return _record(claimed, None, DEFECT)
    if left:
        error = f"Still there: {', '.join(sorted(left))}."
    return _record(claimed, left, error)


def _destroy(claimed: Claimed) -> Resources:
    """Run the steps of a destruction that are not done; what is there afterwards."""
    spec, target = spec_of(claimed.environment), driver(claimed.environment.driver)
    key = StepKey(operation=str(claimed.operation.pk), fence=claimed.fence, guard=lambda: guard(claimed))
    observed = target.observe(spec)
    if not observed:
        return observed
    plan = target.plan(spec, observed, "destroy")
    try:
        with StepLog(claimed.operation) as step_log:
            step_log(f"Removing what is left, try {claimed.attempt}: {', '.join(sorted(observed))}")
            for step in target.steps(spec, "destroy", plan):
                if not step.done(target.observe(spec)):
                    step_log.step = step.name
                    key.guard()
                    step.apply(key, step_log)
    except DriverUnavailable:
        if target.observe(spec):
            raise
    finally:
        target.discard(plan)
    return target.observe(spec)


def guard(claimed: Claimed) -> None:
    """Raise LeaseLost unless the lease outlives one call limit and nobody newer has the environment."""
    until = timezone.now() + timedelta(seconds=settings.BERTH.call_limit_seconds)
    held = Orphan.objects.filter(pk__in=claimed.orphans, leased_until__gt=until).exists()
    current = Environment.objects.filter(pk=claimed.environment.pk, fence=claimed.fence).exists()
    if not held or not current or _is_busy(claimed.environment.pk):
        raise LeaseLost("the removal of orphans was overtaken")


def _record(claimed: Claimed, left: Resources | None, error: str) -> int:
    """Close what is observed to be gone; the rest keeps its error and is tried again. `left` None: not observed."""
    environment = claimed.environment
    with context(by=BY, operation=claimed.operation.ref, reason="what should not exist is removed"):
        rows = Orphan.objects.filter(pk__in=claimed.orphans, removed_at=None)
        gone: list[str] = []
        if left is not None:
            known = set(ledger.made(environment))
            gone = [a for a in rows.values_list("address", flat=True) if not left or (a in known and a not in left)]
        closed = ledger.settle(environment, by=BY, reason="Observed to be gone.", only=gone) if gone else 0
        rows.filter(removed_at=None).update(last_error=error[:300], leased_until=None)
        if closed:
            data = {"name": environment.name, "count": closed, "attempt": claimed.attempt}
            record("orphan.removed", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    return closed
