"""Targets and the line of what waits."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers import parts
from provisioning import breaker
from provisioning.actions.targets import Wanted
from provisioning.models import Target


class TargetChange(parts.Asked):
    """What may change of a target. `config` holds addresses and options as its driver defines them, no secret."""

    name = parts.Text(max_length=60)
    config = serializers.DictField(default=dict)
    pool = parts.Text(max_length=40, default="", allow_blank=True)
    concurrency = serializers.IntegerField(min_value=0, max_value=1000, default=0)


class TargetAsk(TargetChange):
    """A target to register."""

    slug = parts.Text(max_length=40)
    driver = parts.Text(max_length=20)


class CredentialsAsk(parts.Asked):
    """Values for Vault, by name. They are never stored elsewhere and never shown."""

    values = serializers.DictField(child=serializers.CharField(max_length=65_536), write_only=True)


class BreakerSerializer(parts.Shown):
    """`open` takes nothing until `probe_at`; `half-open` lets one operation try."""

    state = serializers.CharField(source="word")
    failures = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    probe_at = serializers.DateTimeField(allow_null=True)
    probe = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()


class TargetSerializer(serializers.ModelSerializer[Target]):
    """A target; `credentials` is a path in Vault, never a value."""

    breaker = serializers.SerializerMethodField()

    class Meta:
        model = Target
        fields = [
            *("slug", "driver", "name", "config", "pool", "concurrency", "credentials", "breaker"),
            *("check_asked_at", "checked_at", "check_ok", "check_message", "retired_at", "created_at"),
        ]

    @extend_schema_field(BreakerSerializer)
    def get_breaker(self, target: Target) -> Any:
        return BreakerSerializer(breaker.state(getattr(target, "breaker", None))).data


class PlaceSerializer(parts.Shown):
    """One operation that waits."""

    operation = serializers.UUIDField()
    position = serializers.IntegerField()
    length = serializers.IntegerField()


class LineSerializer(parts.Shown):
    """The operations that wait in the order in which workers take them, of all pools, and the pools with a worker."""

    total = serializers.IntegerField()
    waiting = PlaceSerializer(many=True)
    pools = serializers.ListField(child=serializers.CharField())


def wanted(asked: dict[str, Any], slug: str, driver: str) -> Wanted:
    """What was asked, as the action takes it."""
    return Wanted(slug, driver, asked["name"], asked["config"], asked["pool"], asked["concurrency"])
