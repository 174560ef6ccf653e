"""Windows, stopped lines and switches: what is asked, and how each is shown."""

from datetime import time, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from policies.models import Stop, Switch, Window
from policies.models.windows import LONGEST
from portal.api.serializers import parts
from portal.api.serializers.things import PageQuery

MINUTE = timedelta(minutes=1)


def _names(help_text: str) -> Any:
    return serializers.ListField(child=parts.Text(max_length=40), max_length=100, default=list, help_text=help_text)


class WindowAsk(parts.Asked):
    """A window. It lasts while the wall clock of `time_zone` reads from its begin to `minutes` later."""

    slug = parts.Text(max_length=40)
    name = parts.Text(max_length=80)
    effect = parts.Text(max_length=6, help_text="freeze: nothing begins while it lasts; allow: nothing outside of it.")
    rrule = parts.Text(max_length=200, help_text="RFC 5545, as FREQ=WEEKLY;BYDAY=FR.")
    starts_on = serializers.DateField()
    starts_at = serializers.TimeField(format="%H:%M", input_formats=["%H:%M"], default=time(0))
    minutes = parts.Whole(min_value=1, max_value=LONGEST // MINUTE)
    time_zone = parts.Text(max_length=64)
    tiers = _names("Empty is any.")
    teams = _names("Empty is any.")
    services = _names("Empty is any.")
    kinds = _names("Empty is any but rollback.")
    running = parts.Text(max_length=6, default="finish", help_text="finish, or hold: no further step begins.")
    reason = parts.Text(max_length=200)
    active = serializers.BooleanField(default=True)


class WhyAsk(parts.Asked):
    """Why it is done."""

    reason = parts.Text(max_length=200)


class StopAsk(WhyAsk):
    """The line of a service, or of everything where none is named."""

    service = parts.Text(max_length=40, required=False, allow_blank=True)


class SwitchAsk(WhyAsk):
    """A switch until a planned end, at most 7 days from now."""

    name = parts.Text(max_length=16)
    ends_at = serializers.DateTimeField()


class WindowQuery(PageQuery):
    """Which windows; all of them without `active`."""

    active = serializers.BooleanField(required=False, allow_null=True, default=None)


class StopQuery(PageQuery):
    """Which stops; those in force with `open`."""

    open = serializers.BooleanField(required=False, allow_null=True, default=None)


class SpanSerializer(parts.Shown):
    """One occurrence."""

    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class OccurrencesSerializer(parts.Shown):
    """When a window lasts next."""

    next = SpanSerializer(many=True)


class WindowSerializer(serializers.ModelSerializer[Window]):
    """A window."""

    effect = serializers.CharField()
    running = serializers.CharField()
    starts_at = serializers.TimeField(format="%H:%M")
    minutes = serializers.SerializerMethodField()
    created_by = parts.PersonSerializer()

    class Meta:
        model = Window
        fields = [
            *("id", "slug", "name", "effect", "rrule", "starts_on", "starts_at", "minutes", "time_zone"),
            *("tiers", "teams", "services", "kinds", "running", "reason", "active", "created_by", "created_at"),
        ]

    @extend_schema_field(serializers.IntegerField())
    def get_minutes(self, window: Window) -> int:
        return window.duration // MINUTE


class StopSerializer(serializers.ModelSerializer[Stop]):
    """A stopped line; of everything where `service` is null."""

    service: parts.Slug = serializers.SlugRelatedField("slug", read_only=True)
    stopped_by = parts.PersonSerializer()
    lifted_by = parts.PersonSerializer(allow_null=True)

    class Meta:
        model = Stop
        fields = ["id", "service", "reason", "stopped_by", "stopped_at", "lifted_by", "lifted_at", "lift_reason"]


class SwitchSerializer(serializers.ModelSerializer[Switch]):
    """One use of a switch. It is off from `ends_at` on, or from `ended_at` where somebody ended it before."""

    name = serializers.CharField()
    by = parts.PersonSerializer()
    ended_by = parts.PersonSerializer(allow_null=True)

    class Meta:
        model = Switch
        fields = ["id", "name", "reason", "by", "began_at", "ends_at", "ended_at", "ended_by"]
