"""Setting and removing budgets. Nothing that runs is touched by either."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.budgets import Projection
from policies.models import Budget, User
from policies.results import Denied, FieldError, wrong_fields
from provisioning.actions.limits import MOST, Scope, currency_errors, may_manage, reason_given, scope_errors
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import project


@dataclass(frozen=True)
class WantedBudget:
    """What a scope shall spend in a month at most. `auto_approve_below` None: a small change is signed as any other."""

    scope: Scope
    amount: Decimal
    currency: str
    blocks: bool = False
    auto_approve_below: Decimal | None = None
    reason: str = ""


def preview_budget(*, by: User, wanted: WantedBudget) -> Projection | Denied:
    """What this month comes to against it. Writes nothing."""
    denied = _denied(by, wanted)
    return project(_row(wanted), timezone.now()) if denied is None else denied


def set_budget(*, by: User, wanted: WantedBudget) -> Budget | Denied:
    """Set the budget of one scope, new or changed. Thresholds that were announced this month are not said again."""
    denied = _denied(by, wanted)
    if denied is not None:
        return denied
    try:
        with context(by=by, reason=wanted.reason or f"budget of {wanted.scope.whole}"):
            return _set(wanted)
    except IntegrityError as error:
        if "budget_once" not in str(error):
            raise
    return Denied("budget.once", "scope", "It was set by somebody else meanwhile.", "Look again.", "You", 409)


def remove_budget(*, by: User, budget: Budget, reason: str) -> Budget | Denied:
    """The scope has no budget any more."""
    denied = may_manage(by)
    if denied is None:
        denied = reason_given(reason)
    if denied is not None:
        return denied
    with context(by=by, reason=reason):
        data = {"scope": budget.scope, "amount": f"{budget.amount:.2f}"}
        record("budget.removed", object=f"budget:{budget.pk}", data=data)
        Budget.objects.filter(pk=budget.pk).delete()
    return budget


def _row(wanted: WantedBudget) -> Budget:
    return Budget(
        **wanted.scope.fields,
        amount=wanted.amount,
        currency=wanted.currency,
        blocks=wanted.blocks,
        auto_approve_below=wanted.auto_approve_below,
    )


def _set(wanted: WantedBudget) -> Budget:
    row = Budget.objects.select_for_update(of=("self",)).filter(**wanted.scope.fields).first() or _row(wanted)
    row.amount, row.currency, row.blocks = wanted.amount, wanted.currency, wanted.blocks
    row.auto_approve_below = wanted.auto_approve_below
    row.save()
    data = {"scope": row.scope, "amount": f"{row.amount:.2f}", "currency": row.currency, "blocks": row.blocks}
    record("budget.set", object=f"budget:{row.pk}", scope=f"team:{row.team_id}" if row.team_id else "", data=data)
    return row


def _denied(by: User, wanted: WantedBudget) -> Denied | None:
    denied = may_manage(by)
    if denied is not None:
        return denied
    if not storable([wanted.currency, wanted.reason, wanted.scope.tier]):
        return unstorable("currency")
    errors = [*scope_errors(wanted.scope), *currency_errors(wanted.currency), *_amounts(wanted)]
    return wrong_fields(errors, "You") if errors else None


def _amounts(wanted: WantedBudget) -> list[FieldError]:
    named = {"amount": wanted.amount, "auto_approve_below": wanted.auto_approve_below}
    return [
        FieldError(name, "budget.amount", "More than 0, with at most two decimals.")
        for name, value in named.items()
        if value is not None and not (0 < value < MOST and value == round(value, 2))
    ]
