"""Quotas and budgets. Money is a decimal text, everything that is counted a whole number."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from policies.models import Quota
from policies.quotas import figure
from portal.api.serializers import parts
from portal.api.serializers.things import PageQuery
from provisioning.actions.limits import Impact
from provisioning.tiers import Tier

FORMS = ["organisation", "tier", "team", "team-tier", "service"]
AMOUNT: dict[str, Any] = {"max_digits": 14, "decimal_places": 2, "min_value": Decimal(0)}


class QuotaQuery(PageQuery):
    """Filters of the quotas."""

    team = serializers.SlugField(max_length=40, required=False)
    metric = serializers.SlugField(max_length=40, required=False)
    form = serializers.ChoiceField(FORMS, required=False)


class ScopeAsk(parts.Asked):
    """Exactly one of organisation, team and service, by its slug; `tier` narrows the first two."""

    organisation = parts.Text(max_length=40, required=False)
    team = parts.Text(max_length=40, required=False)
    service = parts.Text(max_length=40, required=False)
    tier = serializers.ChoiceField(Tier.values, required=False)


class QuotaAsk(ScopeAsk):
    """A limit. `shown` is what the preview answered, where the limit is lowered or already exceeded."""

    metric = parts.Text(max_length=40)
    limit = serializers.DecimalField(**AMOUNT)
    currency = parts.Text(max_length=3, required=False, allow_blank=True)
    shown = parts.Text(max_length=16, required=False, allow_blank=True)
    reason = parts.Text(max_length=300, required=False, allow_blank=True)


class BudgetAsk(ScopeAsk):
    """What a scope shall spend in a month."""

    amount = serializers.DecimalField(**AMOUNT)
    currency = parts.Text(max_length=3)
    blocks = serializers.BooleanField(required=False)
    auto_approve_below = serializers.DecimalField(**AMOUNT, required=False, allow_null=True)
    reason = parts.Text(max_length=300, required=False, allow_blank=True)


class RemoveAsk(parts.Asked):
    """Why it goes."""

    reason = parts.Text(max_length=300)


class ScopedSerializer(parts.Shown):
    """What a quota or budget holds for."""

    id = serializers.IntegerField()
    form = serializers.CharField()
    scope = serializers.CharField()
    organisation = serializers.CharField(source="organisation.slug", default=None, allow_null=True)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    service = serializers.CharField(source="service.slug", default=None, allow_null=True)
    tier = serializers.CharField()
    currency = serializers.CharField()


class QuotaSerializer(ScopedSerializer):
    """A quota and how much of it is held."""

    metric = serializers.CharField()
    limit = serializers.SerializerMethodField()
    used = serializers.SerializerMethodField()

    @extend_schema_field(parts.FIGURE)
    def get_limit(self, quota: Quota) -> int | str:
        return figure(quota.metric, quota.limit)

    @extend_schema_field(parts.FIGURE)
    def get_used(self, quota: Any) -> int | str:
        return figure(quota.metric, quota.used)


class ImpactSerializer(parts.Shown):
    """What a limit would do. `shown` goes into the request that sets it."""

    scope = serializers.CharField()
    metric = serializers.CharField()
    currency = serializers.CharField()
    before = serializers.SerializerMethodField()
    limit = serializers.SerializerMethodField()
    used = serializers.SerializerMethodField()
    over = serializers.SerializerMethodField()
    sentence = serializers.CharField()
    shown = serializers.CharField()
    lowers = serializers.BooleanField()
    reclaim = serializers.ListField(child=serializers.DictField())

    @extend_schema_field({**parts.FIGURE, "nullable": True})
    def get_before(self, impact: Impact) -> int | str | None:
        return None if impact.before is None else figure(impact.metric, impact.before)

    @extend_schema_field(parts.FIGURE)
    def get_limit(self, impact: Impact) -> int | str:
        return figure(impact.metric, impact.limit)

    @extend_schema_field(parts.FIGURE)
    def get_used(self, impact: Impact) -> int | str:
        return figure(impact.metric, impact.used)

    @extend_schema_field(parts.FIGURE)
    def get_over(self, impact: Impact) -> int | str:
        return figure(impact.metric, impact.over)


class BudgetSerializer(ScopedSerializer):
    """A budget."""

    amount = serializers.DecimalField(max_digits=16, decimal_places=2)
    blocks = serializers.BooleanField()
    auto_approve_below = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)


class ProjectionSerializer(parts.Shown):
    """What a budget's month comes to; `percent` is of the budget, rounded down."""

    budget = BudgetSerializer()
    spent = serializers.DecimalField(max_digits=16, decimal_places=2)
    committed = serializers.DecimalField(max_digits=16, decimal_places=2)
    projected = serializers.DecimalField(max_digits=16, decimal_places=2)
    percent = serializers.IntegerField()
    reached = serializers.ListField(child=serializers.IntegerField())
