"""The quota ledger: what each subject holds, in every metric, and whether more fits into every scope that counts it.

What an environment needs, and who is told what when it does not fit, is known above.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import CharField, DecimalField, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from policies.models import Quota, QuotaReservation, Team, User
from policies.models.limits import COST, Scoped
from policies.permissions import Permission, teams_with
from policies.places import Place, inside

Amounts = Mapping[str, Decimal]
NOTHING = Decimal(0)
_AMOUNT: "DecimalField[Decimal, Decimal]" = DecimalField(max_digits=16, decimal_places=2)


def figure(metric: str, amount: Decimal) -> int | str:
    """An amount as JSON has it: money as a decimal text, everything else as a whole number."""
    return f"{amount:.2f}" if metric == COST else int(amount)


@dataclass(frozen=True)
class Usage:
    """How much of one quota is held, and how much more `pending` would take."""

    quota: Quota
    used: Decimal
    pending: Decimal = NOTHING

    @property
    def metric(self) -> str:
        return self.quota.metric

    @property
    def limit(self) -> Decimal:
        return self.quota.limit

    @property
    def left(self) -> Decimal:
        return max(NOTHING, self.limit - self.used)

    @property
    def fits(self) -> bool:
        """Does what is pending fit? What takes nothing more always does, also where a limit was lowered."""
        return self.pending <= 0 or self.used + self.pending <= self.limit


@dataclass(frozen=True)
class Wants:
    """What a subject shall hold from now on, and where it counts: whole amounts, not differences."""

    place: Place
    subject: str
    amounts: Amounts
    currency: str = ""


def held(team: Team, metric: str) -> Decimal:
    """What a team holds of a metric, in all its services and tiers."""
    rows = QuotaReservation.objects.filter(team=team, metric=metric, released_at=None)
    return rows.aggregate(total=Sum("amount"))["total"] or NOTHING


def limit_of(team: Team, metric: str) -> Decimal | None:
    """The limit of the team as a whole, or None."""
    return Quota.objects.filter(team=team, tier="", metric=metric).values_list("limit", flat=True).first()


def counted(rows: QuerySet[Quota]) -> QuerySet[Any]:
    """Quotas with `used`: what is held in their scope, of their metric and currency, in one query."""
    whole = Q(team=OuterRef("team")) | Q(service=OuterRef("service")) | Q(team__organisation=OuterRef("organisation"))
    sums = (
        QuotaReservation.objects.annotate(of_tier=ExpressionWrapper(OuterRef("tier"), output_field=CharField()))
        .filter(whole, Q(of_tier="") | Q(tier=F("of_tier")), metric=OuterRef("metric"), released_at=None)
        .filter(currency=OuterRef("currency"))
        .order_by()
        .values("metric")
        .annotate(total=Sum("amount"))
        .values("total")
    )
    used = Coalesce(Subquery(sums), Value(NOTHING), output_field=_AMOUNT)
    return rows.select_related("team", "service", "organisation").annotate(used=used)


def with_use(rows: QuerySet[Quota]) -> list[Usage]:
    """Quotas and what is held of them."""
    return [Usage(quota, quota.used) for quota in counted(rows)]


def held_in(scoped: Scoped, metric: str, currency: str) -> Decimal:
    """What is held in a scope, whether a quota limits it or not."""
    rows = QuotaReservation.objects.filter(inside(scoped), metric=metric, currency=currency, released_at=None)
    return rows.aggregate(total=Sum("amount"))["total"] or NOTHING


def visible_to(user: User) -> QuerySet[Quota]:
    """Quotas of the teams the person may see and of their services, and those of whole organisations."""
    teams = teams_with(user, Permission.VIEW)
    return Quota.objects.filter(Q(team__in=teams) | Q(service__team__in=teams) | Q(organisation__isnull=False))


def usage(team: Team) -> list[Usage]:
    """Use of every quota that limits the team, its tiers or its whole organisation, the narrowest first."""
    rows = Quota.objects.filter(Q(team=team) | Q(organisation=team.organisation_id))
    return with_use(rows.order_by(F("team").asc(nulls_last=True), "tier", "metric"))


def after(wants: Wants) -> list[Usage]:
    """Every quota that covers the place, with what is held now and what would come to it."""
    more = _more(wants)
    rows = Quota.objects.filter(wants.place.covering).order_by(F("team").asc(nulls_last=True), "tier", "metric")
    return [Usage(row.quota, row.used, _pending(row.quota, wants, more)) for row in with_use(rows)]


def hold(wants: Wants) -> list[Usage]:
    """Make the subject hold this, if every quota that covers it has room; otherwise those that have none.

    Locks the subject, then the quotas in the order of their ids, so that parallel requests neither overshoot nor wait
    for each other in a ring. Call inside an audit context; on a refusal nothing of it may be kept.
    """
    lock(wants.subject)
    more = _more(wants)
    grown = sorted(metric for metric, amount in more.items() if amount > 0)
    rows = Quota.objects.select_for_update(of=("self",)).filter(wants.place.covering, metric__in=grown)
    locked = list(rows.order_by("pk").values_list("pk", flat=True))
    # A statement of its own: it must see what was committed while the locks were waited for.
    short = [] if not locked else _short(Quota.objects.filter(pk__in=locked).order_by("pk"), wants, more)
    if not short:
        _write(wants)
    return short


def shortages(wants: Wants) -> list[Usage]:
    """The quotas that have no room for it now. Locks nothing, writes nothing."""
    more = _more(wants)
    grown = [metric for metric, amount in more.items() if amount > 0]
    rows = Quota.objects.filter(wants.place.covering, metric__in=grown)
    return _short(rows.order_by("pk"), wants, more)


def _short(rows: QuerySet[Quota], wants: Wants, more: Amounts) -> list[Usage]:
    found = [Usage(row.quota, row.used, _pending(row.quota, wants, more)) for row in with_use(rows)]
    return [use for use in found if not use.fits]


def _pending(quota: Quota, wants: Wants, more: Amounts) -> Decimal:
    """What would come to the quota. Money in another currency cannot be added up: it needs more than there is."""
    amount = more.get(quota.metric, NOTHING)
    foreign = quota.metric == COST and amount > 0 and quota.currency != wants.currency
    return max(amount, quota.limit) + 1 if foreign else amount


def settle(wants: Wants) -> None:
    """Make the subject hold this without asking: what is there counts. Call inside an audit context."""
    lock(wants.subject)
    _write(wants)


def release(*, subject: str) -> int:
    """Give back everything a subject holds; returns how many reservations. Call inside an audit context."""
    lock(subject)
    return QuotaReservation.objects.filter(subject=subject, released_at=None).update(released_at=timezone.now())


def lock(subject: str) -> None:
    """Nobody else changes what the subject holds until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('quota:' || %s, 0))", [subject])


def _more(wants: Wants) -> dict[str, Decimal]:
    now = _of(wants.subject)
    return {metric: amount - now.get(metric, NOTHING) for metric, amount in wants.amounts.items()}


def _of(subject: str) -> dict[str, Decimal]:
    rows = QuotaReservation.objects.filter(subject=subject, released_at=None)
    return dict(rows.values_list("metric", "amount"))


def _write(wants: Wants) -> None:
    now = _of(wants.subject)
    wanted = {metric: amount for metric, amount in wants.amounts.items() if amount > 0}
    changed = [metric for metric, amount in now.items() if wanted.get(metric) != amount]
    held_rows = QuotaReservation.objects.filter(subject=wants.subject, released_at=None)
    if changed:
        held_rows.filter(metric__in=changed).update(released_at=timezone.now())
    place = wants.place
    QuotaReservation.objects.bulk_create(
        QuotaReservation(
            team=place.team,
            service=place.service,
            tier=place.tier,
            metric=metric,
            amount=amount,
            currency=wants.currency if metric == COST else "",
            subject=wants.subject,
        )
        for metric, amount in sorted(wanted.items())
        if now.get(metric) != amount
    )
