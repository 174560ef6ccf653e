"""What a person is told when a quota is full: who holds what of it, and what could be given back. Reads only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import CharField, DecimalField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from policies.models import Quota, QuotaReservation, Team, User
from policies.permissions import Permission, owners_of, teams_with
from policies.places import inside
from policies.quotas import Usage, figure
from policies.results import Denied
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus as E
from provisioning.tiers import PROD_LIKE

MOST_SHOWN = 5
IDLE = timedelta(days=14)
SOON = timedelta(days=3)
WORDS = {"environments": "environments", "vcpu": "vCPU", "cost_month": "a month"}


def refusal(by: User, short: Sequence[Usage], team: Team) -> Denied:
    """Why it does not fit, as an answer: the first full quota names the rule, all of them are explained."""
    now = timezone.now()
    explained = [_explained(by, use, now) for use in short]
    names = [row["name"] for found in explained for row in found["reclaim"]]
    give = f"Give back {', '.join(dict.fromkeys(names[:3]))}, or ask" if names else "Ask"
    return Denied(
        rule=f"quota.{short[0].metric}",
        field="team",
        reason=" ".join(_sentence(use) for use in short),
        fix=f"{give} a platform engineer for a higher quota.",
        who=f"{owners_of(team)}, or a platform engineer",
        status=409,
        about={"quotas": explained},
    )


def words(metric: str, amount: Decimal, currency: str = "") -> str:
    """An amount as people say it: `3 environments`, `412.50 EUR a month`, `6 memory GiB`."""
    if currency:
        return f"{amount:.2f} {currency} {WORDS[metric]}"
    return f"{int(amount)} {named(metric)}"


def named(metric: str) -> str:
    """The metric in words."""
    return WORDS.get(metric) or metric.replace("_gib", " GiB").replace("_", " ")


def _sentence(use: Usage) -> str:
    quota = use.quota
    used = figure(quota.metric, use.used)
    return (
        f"{quota.scope} uses {used} of {words(quota.metric, quota.limit, quota.currency)}; "
        f"this needs {figure(quota.metric, use.pending)} more."
    )


def _explained(by: User, use: Usage, now: datetime) -> dict[str, Any]:
    quota = use.quota
    holders = holders_of(quota)
    seen = holders.filter(team__in=teams_with(by, Permission.VIEW))
    shown = list(seen[:MOST_SHOWN])
    hidden = holders.count() - len(shown)
    return {
        "scope": quota.scope,
        "metric": quota.metric,
        "words": named(quota.metric),
        "currency": quota.currency,
        "used": figure(quota.metric, use.used),
        "limit": figure(quota.metric, quota.limit),
        "needed": figure(quota.metric, use.pending),
        "users": [_row(quota, environment, "") for environment in shown],
        "others": hidden,
        "reclaim": reclaimable(by, quota, now),
    }


def holders_of(quota: Quota) -> QuerySet[Any]:
    """The living environments that hold something of the quota, with `amount`, the largest first."""
    mine = QuotaReservation.objects.filter(
        subject=Concat(Value("environment:"), Cast(OuterRef("pk"), CharField())),
        metric=quota.metric,
        released_at=None,
    )
    amount = Subquery(mine.values("amount")[:1], output_field=DecimalField(max_digits=16, decimal_places=2))
    rows = Environment.objects.filter(inside(quota)).exclude(status=E.DESTROYED).annotate(amount=amount)
    return rows.filter(amount__gt=Decimal(0)).select_related("team", "owner").order_by("-amount", "name")


def reclaimable(by: User, quota: Quota, now: datetime) -> list[dict[str, Any]]:
    """What the asker could give back or see given back: their own first, then whose time is over soonest."""
    rows = holders_of(quota).exclude(tier__in=PROD_LIKE).filter(team__in=teams_with(by, Permission.VIEW))
    rows = rows.annotate(asked_at=Max("operations__created_at"))
    idle = Q(status=E.READY, asked_at__lt=now - IDLE)
    found = rows.filter(Q(status__in=[E.SUSPENDED, E.FAILED]) | Q(expires_at__lt=now + SOON) | idle)
    ranked = sorted(found, key=lambda row: (row.owner_id != by.pk, row.expires_at or now + IDLE, row.name))
    return [_row(quota, row, why(row, now), yours=row.owner_id == by.pk) for row in ranked[:MOST_SHOWN]]


def why(environment: Environment, now: datetime) -> str:
    """Why it could be given back."""
    if environment.status == E.SUSPENDED:
        return f"suspended {_ago(now - (environment.suspended_at or environment.changed_at))}"
    if environment.status == E.FAILED:
        return "failed"
    if environment.expires_at is not None and environment.expires_at < now + SOON:
        return f"ends in {_span(max(environment.expires_at - now, timedelta(0)))}"
    return "idle"


def _ago(span: timedelta) -> str:
    return f"{_span(span)} ago"


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def _row(quota: Quota, environment: Any, reason: str, *, yours: bool = False) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(environment.pk),
        "name": environment.name,
        "tier": environment.tier,
        "team": environment.team.slug,
        "owner": str(environment.owner),
        "amount": figure(quota.metric, environment.amount),
    }
    return {**row, "why": reason, "yours": yours} if reason else row
