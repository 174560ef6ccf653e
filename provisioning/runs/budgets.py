"""Looks at what the month comes to and announces each threshold of each budget once. Nothing is stopped."""

from datetime import datetime

from django.utils import timezone

from audit.context import context
from policies.budgets import announce, month_of
from policies.models import Budget
from provisioning.costs import project


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Announce what is due; safe to run twice at once."""
    moment, announced = now or timezone.now(), 0
    month = month_of(moment)[0].date()
    for pk in Budget.objects.order_by("pk").values_list("pk", flat=True):
        with context(by="system:budgets", reason="a threshold of a budget is reached"):
            budget = Budget.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
            if budget is not None:
                announced += len(announce(project(budget, moment), month))
    return {"announced": announced}
