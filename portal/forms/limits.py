"""The forms of a quota and of a budget, as what their actions take."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.http import QueryDict

from policies.models import Budget, Organisation, Quota, QuotaReservation, Service, User
from policies.models.limits import COST
from policies.permissions import Permission, teams_with
from provisioning.actions.budgets import WantedBudget
from provisioning.actions.limits import Scope, WantedQuota

# No amount: what could not be read is refused by the action as out of bounds.
UNREADABLE = Decimal(-1)


@dataclass(frozen=True)
class QuotaForm:
    """What was sent, or what stands."""

    scope: Scope
    where: str
    metric: str
    limit: str
    currency: str
    reason: str
    shown: str
    asked: str

    @property
    def only_shows(self) -> bool:
        """Shall it only say what the limit does?"""
        return self.asked == "preview"

    @property
    def removes(self) -> bool:
        return self.asked == "remove"

    def wanted(self) -> WantedQuota:
        """As the action takes it."""
        return WantedQuota(self.scope, self.metric, amount(self.limit), self.currency, self.shown, self.reason)


def amount(text: str) -> Decimal:
    """A decimal that a person wrote."""
    try:
        read = Decimal(text)
    except InvalidOperation:
        return UNREADABLE
    return read if read.is_finite() else UNREADABLE


def scopes(user: User) -> list[tuple[str, str]]:
    """What may be limited: value and label."""
    teams = teams_with(user, Permission.VIEW)
    organisations = [(f"organisation:{o.slug}", o.name) for o in Organisation.objects.order_by("name")]
    services = Service.objects.filter(team__in=teams).select_related("team")
    return [
        *organisations,
        *((f"team:{team.slug}", team.name) for team in teams),
        *((f"service:{one.slug}", f"{one.slug} ({one.team})") for one in services),
    ]


def metrics() -> list[str]:
    """What is held of now: one environment, its cost, and what templates count."""
    rows = QuotaReservation.objects.filter(released_at=None).order_by("metric")
    return list(rows.values_list("metric", flat=True).distinct())


def scope_of(user: User, where: str, tier: str) -> Scope:
    """The scope that a value of `scopes` names; nothing where there is no such thing to be seen."""
    kind, _, slug = where.partition(":")
    teams = teams_with(user, Permission.VIEW)
    if kind == "organisation":
        return Scope(organisation=Organisation.objects.filter(slug=slug).first(), tier=tier)
    if kind == "team":
        return Scope(team=teams.filter(slug=slug).first(), tier=tier)
    if kind == "service":
        return Scope(service=Service.objects.filter(team__in=teams, slug=slug).first(), tier=tier)
    return Scope(tier=tier)


def read_quota(user: User, sent: QueryDict, found: Quota | None) -> QuotaForm:
    """What was sent; of a quota that exists only the limit can be changed."""
    texts = {name: sent.get(name, "").strip().replace("\x00", "") for name in ("limit", "reason", "shown", "asked")}
    if found is not None:
        scope = Scope(found.organisation, found.team, found.service, found.tier)
        texts["limit"] = texts["limit"] or f"{found.limit:.2f}".removesuffix(".00")
        return QuotaForm(scope, "", found.metric, currency=found.currency, **texts)
    metric, where = sent.get("metric", "environments").strip(), sent.get("where", "")
    scope = scope_of(user, where.replace("\x00", ""), sent.get("tier", ""))
    currency = sent.get("currency", "").strip() if metric == COST else ""
    return QuotaForm(scope, where, metric, currency=currency, **texts)


@dataclass(frozen=True)
class BudgetForm:
    """What was sent, or what stands."""

    scope: Scope
    where: str
    amount: str
    currency: str
    blocks: bool
    below: str
    reason: str
    asked: str

    def wanted(self) -> WantedBudget:
        """As the action takes it."""
        below = amount(self.below) if self.below else None
        return WantedBudget(self.scope, amount(self.amount), self.currency, self.blocks, below, self.reason)


def read_budget(user: User, sent: QueryDict, found: Budget | None) -> BudgetForm:
    """What was sent, else what stands; the scope of a budget that exists stays."""
    names = ("amount", "currency", "below", "reason", "asked")
    texts = {name: sent.get(name, "").strip().replace("\x00", "") for name in names}
    where = sent.get("where", "").replace("\x00", "")
    scope, blocks = scope_of(user, where, sent.get("tier", "")), "blocks" in sent
    if found is not None:
        scope = Scope(found.organisation, found.team, found.service, found.tier)
        if not sent:
            below = "" if found.auto_approve_below is None else f"{found.auto_approve_below:.2f}"
            texts |= {"amount": f"{found.amount:.2f}", "currency": found.currency, "below": below}
            blocks = found.blocks
    return BudgetForm(scope, where, blocks=blocks, **texts)
