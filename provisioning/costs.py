"""What a change costs more or less, and what a month comes to: Decimal, from the price book."""

from decimal import Decimal

from catalog.pricing import price
from provisioning.facts import Draft
from provisioning.models import Environment

NOTHING = Decimal(0)


def cost_delta(draft: Draft) -> Decimal:
    """How much more (or, below zero, less) is spent in an hour after this, by the template's price book."""
    after = price(draft.version, draft.parameters)
    if not draft.environment or draft.kind in {"create", "adopt", "claim"}:
        return after.running
    known = Environment.objects.filter(pk=draft.environment).values_list(
        "rate_running", "rate_suspended", "suspended_at"
    )
    running, suspended, since = known.get()
    before = suspended if since is not None else running
    return {"destroy": NOTHING, "suspend": suspended, "resume": running, "update": after.running}.get(
        draft.kind, before
    ) - before
