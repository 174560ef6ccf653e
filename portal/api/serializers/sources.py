"""Sources of the catalogue."""

from rest_framework import serializers

from catalog.models import Source
from portal.api.serializers import parts


class SourceAsk(parts.Asked):
    """A repository to connect."""

    slug = parts.Text(max_length=40)
    url = parts.Text(max_length=500)
    ref = parts.Text(max_length=200, default="main")


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source; `problems` are the reasons why its last sync changed nothing."""

    orderable = serializers.IntegerField(help_text="Templates of it that can be ordered.")
    problems = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Source
        fields = [
            *("slug", "url", "ref", "enabled", "last_commit", "last_synced_at", "sync_asked_at", "orderable"),
            "problems",
        ]
