"""Quotas as bars: the words beside them, how full they are, and in which colour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from policies.budgets import Projection
from policies.models import Budget, Quota
from policies.quotas import Usage
from portal.templatetags.berth_words import amount, grouped
from provisioning.reclaim import named

NEARLY = Decimal("0.9")
WARNS = 80
# How the rows of each kind of scope are found.
OF_FORM: dict[str, dict[str, Any]] = {
    "organisation": {"organisation__isnull": False, "tier": ""},
    "tier": {"organisation__isnull": False, "tier__gt": ""},
    "team": {"team__isnull": False, "tier": ""},
    "team-tier": {"team__isnull": False, "tier__gt": ""},
    "service": {"service__isnull": False},
}


@dataclass(frozen=True)
class Bar:
    """For components/quota_bar.html."""

    label: str
    metric: str
    words: str
    used: Decimal
    total: Decimal
    pending: Decimal
    tone: str


def bars(uses: Iterable[Usage]) -> list[Bar]:
    """One bar for each quota."""
    return [bar(use) for use in uses]


def bar(use: Usage) -> Bar:
    """How full one quota is, with what is asked for now."""
    quota = use.quota
    return Bar(
        label=f"{quota.scope}: {metric_name(quota.metric)}",
        metric=metric_name(quota.metric),
        words=_words(use),
        used=use.used,
        total=use.limit,
        pending=max(use.pending, Decimal(0)) if use.fits else Decimal(0),
        tone=_tone(use),
    )


def metric_name(metric: str) -> str:
    """The metric as a label."""
    return _("cost a month") if metric == "cost_month" else named(metric)


def shown(value: Decimal, currency: str = "") -> str:
    """An amount, of money where a currency is given."""
    return amount(value, currency=currency) if currency else grouped(value)


def _words(use: Usage) -> str:
    quota = use.quota
    limit = shown(use.limit, quota.currency)
    said = _("%(used)s of %(limit)s") % {"used": shown(use.used, quota.currency), "limit": limit}
    if use.pending > 0:
        more = shown(use.pending, quota.currency)
        return _("%(said)s, this takes %(more)s more") % {"said": said, "more": more}
    return said


def _tone(use: Usage) -> str:
    if not use.fits or use.used > use.limit:
        return "bad"
    return "warn" if use.used + use.pending >= use.limit * NEARLY else "accent"


@dataclass(frozen=True)
class BudgetBar:
    """A budget's month for components/quota_bar.html: spent is full, committed is pending."""

    budget: Budget
    label: str
    words: str
    used: Decimal
    pending: Decimal
    total: Decimal
    tone: str


def budget_bar(projection: Projection) -> BudgetBar:
    """How much of a budget is spent and committed."""
    budget = projection.budget
    said = {
        "projected": amount(projection.projected, currency=budget.currency),
        "amount": amount(budget.amount, currency=budget.currency),
        "percent": projection.percent,
    }
    over = projection.projected > budget.amount
    return BudgetBar(
        budget=budget,
        label=budget.scope,
        words=_("%(projected)s of %(amount)s, %(percent)s %%") % said,
        used=projection.spent,
        pending=projection.committed,
        total=max(budget.amount, projection.projected),
        tone="bad" if over else "warn" if projection.percent >= WARNS else "accent",
    )


@dataclass(frozen=True)
class LimitChange:
    """One change of a limit: when, who, why, from what to what."""

    at: datetime
    who: str
    why: str
    before: str
    after: str


def changes(history: QuerySet[AuditEvent], ref: str, quota: Quota) -> list[LimitChange]:
    """The history of one limit, the newest first."""
    rows = history.filter(object=ref, event="quota.set").order_by("-at", "-id")[:20]
    return [
        LimitChange(row.at, row.actor_label, row.reason, _said(row, "before", quota), _said(row, "limit", quota))
        for row in rows
    ]


def _said(row: AuditEvent, side: str, quota: Quota) -> str:
    value = (row.data or {}).get(side)
    return _("no limit") if value is None else shown(Decimal(str(value)), quota.currency)
