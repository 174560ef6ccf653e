"""Puts an operation off when its target cannot be reached: capped exponential backoff with jitter.

Each such call counts for the target's breaker.
"""

import secrets
from datetime import timedelta

from django.utils import timezone

from audit.context import context
from audit.record import record
from provisioning import breaker
from provisioning.lifecycle import Lease, holds, move, release
from provisioning.models import Operation

FIRST_SECONDS = 1.0
CAP_SECONDS = 60.0
MOST_ATTEMPTS = 12


def delay(attempt: int) -> float:
    """Seconds to wait before try `attempt + 1`: doubling from 1 to 60, half of it at random."""
    whole: float = min(CAP_SECONDS, FIRST_SECONDS * 2 ** max(0, attempt - 1))
    return whole / 2 + secrets.SystemRandom().random() * whole / 2


def put_off(operation: Operation, lease: Lease, *, reason: str, back_to: str | None = None) -> None:
    """Let go of the operation until later. `back_to` moves its status; otherwise it is taken up where it stands."""
    breaker.failed(operation, by=f"worker:{lease.holder}", reason=reason)
    wait(operation, lease, reason=reason, back_to=back_to)


def wait(operation: Operation, lease: Lease, *, reason: str, back_to: str | None = None) -> None:
    """As `put_off`, for a reason that is not the target's."""
    seconds = delay(operation.attempts)
    blocked = f"{reason} Next try in {seconds:.0f} s."[:300]
    until = timezone.now() + timedelta(seconds=seconds)
    with context(by=f"worker:{lease.holder}", operation=operation.ref):
        if not holds(lease):
            return
        if back_to is not None:
            move(operation, back_to, fence=lease.fence, blocked=blocked, not_before=until)
        else:
            Operation.objects.filter(pk=operation.pk).update(blocked=blocked, not_before=until)
        record(
            "operation.put_off",
            object=operation.ref,
            scope=f"team:{operation.team_id}",
            data={"reason": reason},
        )
        release(lease)
