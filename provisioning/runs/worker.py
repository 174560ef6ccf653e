"""One piece of work: claim the next ready operation and carry it as far as it goes. No permission logic here."""

import logging
import os
import socket
import time
import uuid

from django.db import IntegrityError, connection

from audit.context import context
from provisioning import lifecycle
from provisioning.lifecycle import Lease
from provisioning.models import Operation
from provisioning.runs.apply import execute
from provisioning.runs.heartbeat import Heartbeat
from provisioning.runs.planning import plan_operation
from provisioning.runs.store import AWAY
from provisioning.states import OperationStatus as S

log = logging.getLogger(__name__)
# Afterwards other tasks have their turn; what is left has hints of its own, or the sweep finds it.
PATIENCE_SECONDS = 1.0


def holder() -> str:
    """Who this worker is, in leases and in the history."""
    return f"{socket.gethostname()}:{os.getpid()}"


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
    with Heartbeat(lease) as heartbeat:
        operation = Operation.objects.select_related(
            "environment__service__team",
            "environment__template_version__template",
            "environment__team",
            "environment__owner",
            "environment__target",
            "team",
            "requester",
        ).get(pk=lease.operation)
        if operation.status == S.PLANNING:
            plan_operation(operation, lease)
        else:
            execute(operation, lease, heartbeat)
    return True


def take(only: uuid.UUID | None = None) -> Lease | None:
    """Claim in one short transaction. A race for the same environment is lost quietly."""
    try:
        with context(by=f"worker:{holder()}"):
            return lifecycle.claim(holder=holder(), only=only)
    except IntegrityError as error:
        if "operation_active_once" not in str(error):
            raise
        return None
