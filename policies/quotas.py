"""The quota ledger: reserved at request time under a row lock, released when the subject is gone."""

from dataclasses import dataclass

from django.db.models import Sum
from django.utils import timezone

from policies.models import Quota, QuotaReservation, Team
from policies.permissions import owners_of
from policies.results import Allowed, Denied


@dataclass(frozen=True)
class Usage:
    """How much of one metric a team holds. `limit` None: not limited."""

    metric: str
    used: int
    limit: int | None

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


def held(team: Team, metric: str) -> int:
    """The sum of what is reserved and not released."""
    rows = QuotaReservation.objects.filter(team=team, metric=metric, released_at=None)
    return int(rows.aggregate(total=Sum("amount"))["total"] or 0)


def usage(team: Team) -> list[Usage]:
    """Use of every limited metric of a team, by name."""
    return [Usage(q.metric, held(team, q.metric), q.limit) for q in Quota.objects.filter(team=team).order_by("metric")]


def limit_of(team: Team, metric: str) -> int | None:
    """The team's limit, or None."""
    return Quota.objects.filter(team=team, metric=metric).values_list("limit", flat=True).first()


def check(team: Team, metric: str, amount: int) -> Allowed | Denied:
    """Would a reservation fit now?"""
    limit = limit_of(team, metric)
    if limit is None:
        return Allowed()
    used = held(team, metric)
    if used + amount <= limit:
        return Allowed()
    return Denied(
        rule=f"quota.{metric}",
        field="team",
        reason=f"{team.name} uses {used} of {limit} {metric}; this needs {amount} more.",
        fix="Destroy an environment that is no longer used, or ask for a higher quota.",
        who=owners_of(team),
        status=409,
    )


def reserve(*, team: Team, metric: str, amount: int, subject: str) -> Allowed | Denied:
    """Reserve under the quota's row lock, so that parallel requests cannot overshoot. Call inside an audit context."""
    Quota.objects.select_for_update().filter(team=team, metric=metric).first()
    fits = check(team, metric, amount)
    if fits:
        QuotaReservation.objects.create(team=team, metric=metric, amount=amount, subject=subject)
    return fits


def release(*, subject: str) -> int:
    """Give back everything a subject holds; returns how many reservations. Call inside an audit context."""
    return QuotaReservation.objects.filter(subject=subject, released_at=None).update(released_at=timezone.now())
