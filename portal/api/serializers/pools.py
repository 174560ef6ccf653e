"""Warm pools as they are asked for and shown."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning import pools
from provisioning.models import WarmPool
from provisioning.tiers import Tier


class PoolWanted(parts.Asked):
    """A pool to keep. Days count from 0, Monday; hours are of `time_zone`; `budget` is per month."""

    template = serializers.SlugField(max_length=40)
    service = serializers.SlugField(max_length=40)
    tier = serializers.ChoiceField(Tier.values)
    size = parts.Whole(min_value=1, max_value=20)
    budget = serializers.DecimalField(max_digits=10, decimal_places=2)
    parameters = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    days = serializers.ListField(child=parts.Whole(min_value=0, max_value=6), default=[0, 1, 2, 3, 4], max_length=7)
    from_hour = parts.Whole(min_value=0, max_value=23, default=0)
    to_hour = parts.Whole(min_value=1, max_value=24, default=24)
    time_zone = parts.Text(max_length=60, default="UTC")


class PoolSize(parts.Asked):
    """How many to keep; 0 empties the pool."""

    size = parts.Whole(min_value=0, max_value=20)


class PoolSerializer(serializers.ModelSerializer[WarmPool]):
    """A pool: how many wait ready, what they cost this month, and why it is not filled, if it is not."""

    template: Slug = serializers.SlugRelatedField("slug", read_only=True)
    service: Slug = serializers.SlugRelatedField("slug", read_only=True)
    ready = serializers.SerializerMethodField()
    spent = serializers.SerializerMethodField()

    class Meta:
        model = WarmPool
        fields = [
            *("id", "template", "service", "tier", "parameters", "size", "days", "from_hour", "to_hour", "time_zone"),
            *("budget", "spent", "ready", "blocked", "created_at"),
        ]

    def get_ready(self, pool: Any) -> int:
        return sum(row.environment.status == "ready" for row in pools.waiting(pool))

    def get_spent(self, pool: Any) -> str:
        return str(pools.spent(pool, timezone.now()))
