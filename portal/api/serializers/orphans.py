"""The orphan ledger: filters, a row, and what is asked of it."""

from rest_framework import serializers

from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning.models import Orphan


class OrphanQuery(parts.Asked):
    """Filters of the ledger; without `state` only what is still there."""

    team = serializers.SlugField(max_length=40, required=False)
    driver = serializers.SlugField(max_length=20, required=False)
    environment = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(["open", "removed"], default="open")
    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class OrphanSerializer(serializers.ModelSerializer[Orphan]):
    """A thing that should be gone, with the tries to remove it."""

    environment = parts.EnvironmentRefSerializer()
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)

    class Meta:
        model = Orphan
        fields = [
            *("id", "address", "driver", "environment", "operation", "team", "reason", "found_at", "automatic"),
            *("attempts", "not_before", "last_error", "removed_at", "removed_by", "removed_reason"),
        ]


class ReasonAsk(parts.Asked):
    """It is recorded with its reason."""

    reason = parts.Text(max_length=300)


class DeleteRecordAsk(ReasonAsk):
    """The name is typed, because the resources stay."""

    confirm = parts.Text(max_length=63, allow_blank=True, default="")
