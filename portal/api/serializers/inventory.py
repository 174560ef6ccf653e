"""The inventory of what could be adopted: lists in, candidates out, and what is asked of them."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers import parts
from portal.api.serializers.operations import WantedSerializer
from portal.api.serializers.parts import Slug
from portal.api.serializers.things import PageQuery
from provisioning.inventory import MOST_BYTES
from provisioning.models import InventoryImport, InventoryItem


class InventoryQuery(PageQuery):
    """Filters of the inventory."""

    team = serializers.SlugField(max_length=40, required=False)
    driver = serializers.SlugField(max_length=20, required=False)


class InventoryItemSerializer(serializers.ModelSerializer[InventoryItem]):
    """One existing resource. `state` is unassigned, assigned or adopted."""

    target: Slug = serializers.SlugRelatedField("slug", read_only=True)
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    owner: Slug = serializers.SlugRelatedField("username", read_only=True)
    environment = serializers.UUIDField(source="environment_id", allow_null=True)
    state = serializers.CharField()

    class Meta:
        model = InventoryItem
        fields = [
            *("id", "driver", "target", "kind", "address", "resource_id", "name", "team", "owner", "state"),
            *("environment", "seen_at"),
        ]


class ListAsk(parts.Asked):
    """A list to read: CSV with the heading driver, target, kind, address, id, name, team, owner; or a state."""

    source = serializers.ChoiceField(InventoryImport.Source.choices)  # type: ignore[assignment]
    name = parts.Text(max_length=120)
    text = parts.Text(max_length=MOST_BYTES)
    target = serializers.SlugField(max_length=40, required=False, default="")


class ScanAsk(parts.Asked):
    """A target to scan."""

    target = serializers.SlugField(max_length=40)


class RowErrorSerializer(parts.Shown):
    """Why a row was left out. Rows count from 1; 0 is the whole list."""

    row = serializers.IntegerField()
    field = serializers.CharField()
    reason = serializers.CharField()


class InventoryImportSerializer(serializers.ModelSerializer[InventoryImport]):
    """How one reading went. `finished_at` null: a worker will scan soon."""

    target: Slug = serializers.SlugRelatedField("slug", read_only=True)
    errors = RowErrorSerializer(many=True)  # type: ignore[assignment]

    class Meta:
        model = InventoryImport
        fields = ["id", "source", "name", "target", "created_at", "finished_at", "added", "known", "errors"]


class AssignAsk(parts.Asked):
    """To which team, and perhaps person, candidates belong."""

    items = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=500)
    team = serializers.SlugField(max_length=40)
    owner = parts.Text(max_length=150, required=False)


class AssignedSerializer(parts.Shown):
    """How many were assigned; what is adopted stays as it is."""

    assigned = serializers.IntegerField()


class AdoptAsk(WantedSerializer):
    """A new environment made of what exists. `addresses` says what the template calls an item, where it differs."""

    items = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)
    addresses = serializers.DictField(child=parts.Text(max_length=160), required=False, default=dict)

    def validate_addresses(self, value: dict[str, str]) -> dict[Any, str]:
        field = serializers.UUIDField()
        return {field.to_internal_value(key): text for key, text in value.items()}
