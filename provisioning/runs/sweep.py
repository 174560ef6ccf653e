"""Finds rows that are ready and sends hints for them; ends approvals whose time is over. Repeats nothing."""

from django.utils import timezone

from audit.context import context
from provisioning.lifecycle import move
from provisioning.models import Operation
from provisioning.releasing import forget_environment
from provisioning.selectors import ready_count
from provisioning.states import OperationStatus as S
from provisioning.wake import send

MOST_HINTS = 20


def sweep() -> dict[str, int]:
    """Expire overdue approvals, then hint for what is ready (a lost broker, a lapsed lease, a time reached)."""
    expired = 0
    due = Operation.objects.filter(
        status__in=[S.AWAITING_APPROVAL, S.HELD], approval_expires_at__lte=timezone.now()
    ).select_related("environment", "team")
    for operation in due[:MOST_HINTS]:
        with context(by="system:sweep", operation=operation.ref, reason="nobody signed in time"):
            if move(operation, S.EXPIRED, error="It was not signed in time. Ask for it again."):
                forget_environment(operation)
                expired += 1
    ready = min(ready_count(), MOST_HINTS)
    send(ready)
    return {"expired": expired, "hinted": ready}
