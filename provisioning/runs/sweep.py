"""Finds rows that are ready and sends hints for them; what waits for signatures is asked again. Repeats nothing."""

from datetime import timedelta

from django.utils import timezone

from provisioning import presence
from provisioning.models import Target
from provisioning.runs import asking
from provisioning.selectors import ready_by_pool
from provisioning.wake import CHECK, send

MOST_HINTS = 20
# The next sweeps send others: what busy workers have not read by then would only pile up before all other tasks.
HINT_SECONDS = 5
LATE = timedelta(seconds=10)


def sweep() -> dict[str, int]:
    """Ask, remind and end what waits for signatures, then hint for what is ready (a lost broker, a time reached)."""
    asked = asking.sweep()
    return {**asked, "hinted": _hint(), "checked": _hint_checks()}


def _hint_checks() -> int:
    """Ask again for the checks whose hint was lost, of pools that have a worker."""
    late = timezone.now() - LATE
    pools = Target.objects.filter(check_asked_at__lt=late).order_by("pool").values_list("pool", flat=True).distinct()
    served = [pool for pool in pools if not pool or pool in presence.served()]
    for pool in served:
        send(pool=pool, task=CHECK)
    return len(served)


def _hint() -> int:
    """Hint what could be claimed. A pool without a worker gets none, or its hints would pile up unread."""
    served, hinted = presence.served(), 0
    for pool, ready in ready_by_pool().items():
        if pool and pool not in served:
            continue
        send(min(ready, MOST_HINTS), pool, expires=HINT_SECONDS)
        hinted += min(ready, MOST_HINTS)
    return hinted
