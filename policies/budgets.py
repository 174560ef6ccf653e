"""Budgets: what of them is spent and committed, which thresholds are reached, and what they refuse or wave through.

What things cost is known above and comes as an argument.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Q, QuerySet

from audit.record import emit, record
from policies.models import Budget, BudgetMark, User
from policies.models.limits import THRESHOLDS
from policies.permissions import Permission, owners_of, teams_with
from policies.places import Place
from policies.results import Denied


@dataclass(frozen=True)
class Projection:
    """What a budget's month comes to: what is spent already, and what runs on until the month ends."""

    budget: Budget
    spent: Decimal
    committed: Decimal

    @property
    def projected(self) -> Decimal:
        return self.spent + self.committed

    @property
    def percent(self) -> int:
        """Whole percent of the budget, rounded down."""
        return int(self.projected * 100 / self.budget.amount)

    @property
    def reached(self) -> list[int]:
        """The thresholds that it has reached."""
        return [percent for percent in THRESHOLDS if self.projected * 100 >= self.budget.amount * percent]


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the month, in UTC."""
    begin = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begin, begin + timedelta(days=calendar.monthrange(begin.year, begin.month)[1])


def covering(place: Place) -> QuerySet[Budget]:
    """The budgets that a thing there counts against."""
    return Budget.objects.filter(place.covering).select_related("organisation", "team", "service")


def visible_to(user: User) -> QuerySet[Budget]:
    """Budgets of the teams the person may see and of their services, and those of whole organisations."""
    teams = teams_with(user, Permission.VIEW)
    rows = Budget.objects.filter(Q(team__in=teams) | Q(service__team__in=teams) | Q(organisation__isnull=False))
    return rows.select_related("organisation", "team", "service")


def over(projections: Sequence[Projection], place: Place) -> Denied | None:
    """The first blocking budget that would be exceeded, as a refusal."""
    for projection in projections:
        budget = projection.budget
        if budget.blocks and projection.projected > budget.amount:
            return Denied(
                rule="budget.exceeded",
                field="team",
                reason=(
                    f"With this {budget.scope} would spend {projection.projected:.2f} of {budget.amount:.2f} "
                    f"{budget.currency} this month."
                ),
                fix="Choose something smaller, destroy what is not used, or ask a platform engineer for more.",
                who=owners_of(place.team),
                status=409,
            )
    return None


def announce(projection: Projection, month: date) -> list[int]:
    """Announce each threshold once a month; which were new. Call inside an audit context, the budget locked."""
    budget = projection.budget
    known = set(BudgetMark.objects.filter(budget=budget, month=month).values_list("percent", flat=True))
    new = [percent for percent in projection.reached if percent not in known]
    for percent in new:
        BudgetMark.objects.create(budget=budget, month=month, percent=percent, projected=projection.projected)
        said = {"scope": budget.scope, "percent": percent, "projected": f"{projection.projected:.2f}"}
        said |= {"amount": f"{budget.amount:.2f}", "currency": budget.currency, "month": f"{month:%Y-%m}"}
        scope = f"team:{budget.team_id}" if budget.team_id else ""
        record("budget.threshold", object=f"budget:{budget.pk}", scope=scope, data=said)
        emit("budget.threshold", payload=said, object=f"budget:{budget.pk}")
    return new


def threshold(place: Place, currency: str) -> Decimal | None:
    """The smallest monthly difference that needs signatures there. None: none was set, or one in other money."""
    rows = covering(place).exclude(auto_approve_below=None).order_by("auto_approve_below")
    found = list(rows.values_list("currency", "auto_approve_below"))
    return found[0][1] if found and all(money == currency for money, _ in found) else None
