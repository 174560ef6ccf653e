"""Quotas with the ledger of what is held of them, and budgets. What counts against them is known above."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Floor

from policies.models.people import Organisation, Service, Team

COST = "cost_month"
METRIC_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
TIER_PATTERN = r"^([a-z]{1,10})?$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
THRESHOLDS = (50, 80, 100)


class Scoped(models.Model):
    """Something that holds for one organisation, team or service; with `tier`, for that tier of it only."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="+", null=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="%(class)ss", null=True)
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", null=True)
    tier = models.CharField(max_length=10, default="", blank=True)

    FORM: ClassVar[Q] = (
        Q(organisation__isnull=False, team=None, service=None)
        | Q(organisation=None, team__isnull=False, service=None)
        | Q(organisation=None, team=None, service__isnull=False, tier="")
    ) & Q(tier__regex=TIER_PATTERN)
    WHOLE: ClassVar[list[str]] = ["organisation", "team", "service", "tier"]

    class Meta:
        abstract = True

    @property
    def scope(self) -> str:
        """What it holds for, in words: `Payments, prod`."""
        whole = self.team or self.service or self.organisation
        return f"{whole}, {self.tier}" if self.tier else str(whole)

    @property
    def form(self) -> str:
        """Which kind of scope it is: organisation, team, service, tier (of the organisation), team-tier."""
        if self.team_id:
            return "team-tier" if self.tier else "team"
        if self.service_id:
            return "service"
        return "tier" if self.tier else "organisation"


class Quota(Scoped):
    """How much of one metric a scope may hold at a time. The cost of a month has a currency, a count has none."""

    metric = models.CharField(max_length=40)
    limit = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3, default="", blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=[*Scoped.WHOLE, "metric"], nulls_distinct=False, name="quota_once"),
            models.CheckConstraint(condition=Scoped.FORM, name="quota_one_scope"),
            models.CheckConstraint(condition=Q(metric__regex=METRIC_PATTERN), name="quota_metric_named"),
            models.CheckConstraint(condition=Q(limit__gte=0), name="quota_limit_not_negative"),
            models.CheckConstraint(condition=Q(metric=COST) | Q(limit=Floor("limit")), name="quota_count_is_whole"),
            models.CheckConstraint(
                condition=Q(metric=COST, currency__regex=CURRENCY_PATTERN) | (~Q(metric=COST) & Q(currency="")),
                name="quota_cost_has_currency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.metric} ≤ {self.limit}"


class QuotaReservation(models.Model):
    """What one subject holds of one metric, from request to destruction. A row is released once, and never changed.

    Every metric is held, limited or not, so that a new quota counts what is there. `service` is missing only in rows
    from before it was kept.
    """

    team = models.ForeignKey(Team, models.CASCADE, related_name="reservations")
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", null=True)
    tier = models.CharField(max_length=10, default="", blank=True)
    metric = models.CharField(max_length=40)
    amount = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3, default="", blank=True)
    subject = models.CharField(max_length=80)
    reserved_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["subject", "metric"], condition=Q(released_at=None), name="reservation_held_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="reservation_of_something"),
            models.CheckConstraint(
                condition=Q(metric=COST, currency__regex=CURRENCY_PATTERN) | (~Q(metric=COST) & Q(currency="")),
                name="reservation_cost_has_currency",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["team", "metric"], condition=Q(released_at=None), name="reservation_held")
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.amount} {self.metric}"


class Budget(Scoped):
    """What a scope means to spend in a month. At 100 % it warns, or refuses what would cost more.

    A change that costs less a month than `auto_approve_below` needs no signature where an approval rule says so.
    """

    amount = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    blocks = models.BooleanField(default=False)
    auto_approve_below = models.DecimalField(max_digits=16, decimal_places=2, null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=Scoped.WHOLE, nulls_distinct=False, name="budget_once"),
            models.CheckConstraint(condition=Scoped.FORM, name="budget_one_scope"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_of_something"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_PATTERN), name="budget_currency_known"),
            models.CheckConstraint(
                condition=Q(auto_approve_below=None) | Q(auto_approve_below__gt=0), name="budget_threshold_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.amount} {self.currency} a month"


class BudgetMark(models.Model):
    """A threshold of a budget was reached in a month: announced once."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="marks")
    month = models.DateField()
    percent = models.PositiveSmallIntegerField()
    projected = models.DecimalField(max_digits=16, decimal_places=2)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-month", "-percent"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["budget", "month", "percent"], name="budget_mark_once"),
            models.CheckConstraint(condition=Q(percent__in=THRESHOLDS), name="budget_mark_known"),
            models.CheckConstraint(condition=Q(month__day=1), name="budget_mark_of_a_month"),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.month:%Y-%m}: {self.percent} %"
