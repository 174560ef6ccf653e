"""Waivers: what is asked, what a decision needs, and how one is shown."""

from rest_framework import serializers

from policies import waivers
from policies.models import Waiver
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from portal.api.serializers.things import PageQuery


class WaiverAsk(parts.Asked):
    """`scope` is one of those that the refusal's finding names in `ask`; `owner` a member of the team, else you."""

    rule = parts.Text(max_length=80)
    scope = parts.Text(max_length=160)
    reason = parts.Text(max_length=2000)
    days = parts.Whole(default=30)
    ticket = parts.Text(max_length=200, allow_blank=True, default="")
    owner = parts.Text(max_length=150, allow_blank=True, default="")
    field = parts.Text(max_length=120, allow_blank=True, default="")
    value = parts.Text(max_length=300, allow_blank=True, default="")


class DecisionAsk(parts.Asked):
    """Every decision on a waiver says why."""

    reason = parts.Text(max_length=2000)


class WaiverQuery(PageQuery):
    """Which waivers; all of them without a state."""

    state = serializers.ChoiceField(choices=Waiver.State.choices, required=False)


class WaiverSerializer(serializers.ModelSerializer[Waiver]):
    """A waiver; `decides` says in words who may grant or refuse it."""

    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    owner = parts.PersonSerializer()
    asked_by = parts.PersonSerializer()
    decided_by = parts.PersonSerializer(allow_null=True)
    decides = serializers.SerializerMethodField()

    class Meta:
        model = Waiver
        fields = [
            *("id", "rule", "scope", "label", "team", "owner", "field", "value", "reason", "ticket", "state"),
            *("asked_by", "asked_at", "expires_at", "decides", "decided_by", "decided_at", "decision_reason"),
            *("ended_at", "end_reason", "operation"),
        ]

    def get_decides(self, waiver: Waiver) -> str:
        return waivers.deciders(waiver)
