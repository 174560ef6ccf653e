"""Small pieces that several answers share, the strict base of every input, and the form of a problem."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from policies.quotas import figure

Slug = serializers.SlugRelatedField[Any]


class Shown(serializers.Serializer[Any]):
    """Something that is only ever shown."""


class Asked(serializers.Serializer[Any]):
    """Something that is asked: a field that nobody reads is refused, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            known = ", ".join(self.fields)
            message = ErrorDetail(f"There is no such field. Known: {known}.", code="unknown")
            raise serializers.ValidationError({name[:80]: [message] for name in unknown[:20]})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, never a number in its place."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A JSON whole number, never a text in its place."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class PersonSerializer(Shown):
    """A person, by what others may know."""

    username = serializers.CharField()
    name = serializers.CharField(source="full_name")


class FieldErrorSerializer(Shown):
    """One field that is wrong, and how to mend it."""

    field = serializers.CharField()
    rule = serializers.CharField()
    message = serializers.CharField()
    fix = serializers.CharField()
    value = serializers.JSONField(allow_null=True, required=False)
    who = serializers.CharField(required=False)
    owner = serializers.CharField(required=False)
    waiver_url = serializers.CharField(required=False)


@extend_schema_serializer(component_name="Problem")
class ProblemSerializer(Shown):
    """RFC 9457, with the rule that refused, the field, how to mend it and who can help.

    A policy adds the value; `owner` may waive the rule, and `waiver_url` is where that is asked for.
    """

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    rule = serializers.CharField()
    field = serializers.CharField()
    fix = serializers.CharField()
    who = serializers.CharField()
    value = serializers.JSONField(allow_null=True, required=False)
    owner = serializers.CharField(required=False)
    waiver_url = serializers.CharField(required=False)
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]
    about = serializers.DictField(required=False, help_text="What else helps: who holds what of a full quota.")


class FindingSerializer(Shown):
    """One sentence of a ruling. `severity`: `block`, `soft` (may be overridden), `warn`, or `waived` by `waiver`.

    `owner` may waive the rule for what `ask` names; both are empty where nobody can.
    """

    rule = serializers.CharField()
    severity = serializers.CharField()
    field = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    message = serializers.CharField()
    fix = serializers.CharField()
    who = serializers.CharField()
    waiver = serializers.IntegerField(allow_null=True, default=None)
    ask = serializers.ListField(child=serializers.CharField(), default=list)
    owner = serializers.CharField(default="")


class RequirementSerializer(Shown):
    """How many must sign."""

    rules = serializers.ListField(child=serializers.CharField())
    signatures = serializers.IntegerField()
    owning_team = serializers.IntegerField()
    also_from = serializers.ListField(child=serializers.CharField())
    lifetime_hours = serializers.IntegerField()


FIGURE = {"oneOf": [{"type": "integer"}, {"type": "string", "format": "decimal"}]}


@extend_schema_field(FIGURE)
class Figure(serializers.Field[Any, Any, Any, Any]):
    """An amount of the `metric` of the same thing."""

    def get_attribute(self, instance: Any) -> Any:
        return figure(instance.metric, getattr(instance, str(self.source)))

    def to_representation(self, value: Any) -> Any:
        return value


class UsageSerializer(Shown):
    """How much of one quota is held. Money is a decimal text, everything else a whole number."""

    scope = serializers.CharField(source="quota.scope")
    metric = serializers.CharField()
    currency = serializers.CharField(source="quota.currency")
    used = Figure()
    limit = Figure()
    left = Figure()


class EnvironmentRefSerializer(Shown):
    """An environment, by what names it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    tier = serializers.CharField()


class NoAnswerSerializer(Shown):
    """Nothing."""


class AskedNothingSerializer(Asked):
    """No field."""
