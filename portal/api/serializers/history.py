"""Filters of the history and one event of it."""

from rest_framework import serializers

from audit.models import AuditEvent
from audit.selectors import Filters
from portal.api.serializers import parts


class HistoryFilters(parts.Asked):
    """What to look for; `event` may end in `*`, `until` is exclusive."""

    actor = serializers.CharField(max_length=120, required=False)
    event = serializers.CharField(max_length=120, required=False)
    object = serializers.CharField(max_length=120, required=False)
    source = serializers.ChoiceField(["row", "event"], required=False)  # type: ignore[assignment]
    text = serializers.CharField(max_length=120, required=False)
    request_id = serializers.CharField(max_length=64, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def filters(self) -> Filters:
        """For the selector."""
        names = Filters.__dataclass_fields__
        return Filters(**{name: value for name, value in self.validated_data.items() if name in names})


class HistoryQuery(HistoryFilters):
    """Filters and the place in the list."""

    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class ExportQuery(HistoryFilters):
    """Filters and the form of the file."""

    format = serializers.ChoiceField(["csv", "jsonl"])


class EventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One recorded change or event."""

    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]

    class Meta:
        model = AuditEvent
        fields = [
            *("id", "at", "epoch", "source", "event", "table_name", "object", "actor", "actor_label"),
            *("request_id", "operation", "reason", "scope", "before", "after", "data"),
        ]


class HistoryPageSerializer(parts.Shown):
    """One page, newest first; `next` is the address of the following one or null."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EventSerializer(many=True)
