"""One piece of work: claim the next ready operation and carry it as far as it goes. No permission logic here."""

import logging
import time
import uuid

from django.db import connection

from provisioning import breaker
from provisioning.lifecycle import Lease
from provisioning.models import Operation
from provisioning.runs.apply import execute
from provisioning.runs.backoff import MOST_ATTEMPTS
from provisioning.runs.heartbeat import Heartbeat
from provisioning.runs.outcome import DEFECT
from provisioning.runs.planning import plan_operation
from provisioning.runs.store import AWAY
from provisioning.runs.taking import take
from provisioning.states import OperationStatus as S

log = logging.getLogger(__name__)
# Afterwards other tasks have their turn; what is left has hints of its own, or the sweep finds it.
PATIENCE_SECONDS = 1.0


def work_on(seconds: float = PATIENCE_SECONDS) -> int:
    """Work until nothing is ready or the time is over; how many pieces of work there were."""
    done, until = 0, time.monotonic() + seconds
    while work():
        done += 1
        if time.monotonic() >= until:
            break
    return done


def work(only: uuid.UUID | None = None) -> bool:
    """Claim and do one operation's next part. False: nothing was ready, or Postgres is away."""
    try:
        return _work(only)
    except AWAY as error:
        log.warning("Postgres does not answer (%s); what was claimed is taken up again later", type(error).__name__)
        connection.close()
        return False


def _work(only: uuid.UUID | None) -> bool:
    lease = take(only)
    if lease is None:
        return False
    operation = lease.row
    with Heartbeat(lease) as heartbeat:
        planning = operation.status == S.PLANNING
        if planning:
            plan_operation(operation, lease)
        else:
            execute(operation, lease, heartbeat)
    if lease.breaker is not None:
        _tell_breaker(lease.breaker, operation, lease, planning=planning)
    return True


def _tell_breaker(pk: int, operation: Operation, lease: Lease, *, planning: bool) -> None:
    if _was_answered(operation, planning=planning):
        breaker.answered(operation, by=f"worker:{lease.holder}")
    else:
        breaker.end_probe(pk, operation.pk)


def _was_answered(operation: Operation, *, planning: bool) -> bool:
    """Did the work end in a way that only an answer of the target leads to?"""
    if operation.status == S.FAILED:
        asked = planning or operation.plan_locked_at is not None
        return asked and operation.error != DEFECT and operation.attempts < MOST_ATTEMPTS
    if planning:
        return operation.status in {S.AWAITING_APPROVAL, S.QUEUED, S.DENIED}
    return operation.status in {S.SUCCEEDED, S.ROLLED_BACK}
