"""Lets go of a running operation whose window closed, between two steps. The claim takes it up when it opens."""

from django.db.models import F

from audit.context import context
from audit.record import record
from policies.windows import Closed
from provisioning import lifecycle
from provisioning.drivers.base import LeaseLost
from provisioning.models import Operation
from provisioning.runs.claimed import Work


def hold(work: Work, closed: Closed) -> None:
    """Say what it waits for and release it. It costs no try."""
    operation = work.operation
    operation.blocked = f"{closed.sentence}. No further step begins until then."[:300]
    with context(by=work.by, operation=operation.ref):
        if not lifecycle.hold(work.lease):
            raise LeaseLost("the lease ended before the operation was held")
        rows = Operation.objects.filter(pk=operation.pk, attempts__gt=0)
        rows.update(blocked=operation.blocked, attempts=F("attempts") - 1)
        data = {"window": closed.rule, "until": closed.until.isoformat() if closed.until else None}
        record("operation.paused", object=operation.ref, scope=f"team:{operation.team_id}", data=data)
        lifecycle.release(work.lease)
    work.log(operation.blocked)
