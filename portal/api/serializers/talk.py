"""Questions, answers, comments, and several like plans signed in one call."""

from typing import Any

from rest_framework import serializers

from policies.models import Comment
from portal.api.serializers import parts
from portal.api.serializers.operations import OperationSerializer, RefusedSerializer
from provisioning import kinds
from provisioning.actions.bulk import Outcome
from provisioning.models import Hold, Operation
from provisioning.tiers import Tier


class SayAsk(parts.Asked):
    """A question, or what must change, about the digest that was read."""

    digest = parts.Text(max_length=80)
    text = parts.Text(max_length=2000)


class AnswerAsk(parts.Asked):
    """The answer."""

    text = parts.Text(max_length=2000)


class ResumeAsk(parts.Asked):
    """Why, if there is something to say."""

    text = parts.Text(max_length=2000, allow_blank=True, default="")


class EditAsk(parts.Asked):
    """The parameters that change; what is not named stays."""

    parameters = serializers.DictField(child=serializers.JSONField(allow_null=True))
    reason = parts.Text(max_length=2000, allow_blank=True, default="")


class CommentAsk(parts.Asked):
    """`@username` speaks to somebody who may see the operation."""

    text = parts.Text(max_length=2000)


class CommentSerializer(serializers.ModelSerializer[Comment]):
    """One comment, as it was written."""

    author = parts.PersonSerializer()

    class Meta:
        model = Comment
        fields = ["id", "author", "text", "mentions", "at"]


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """One question or return, and how it ended."""

    by = parts.PersonSerializer()
    ended_by = parts.PersonSerializer(allow_null=True)

    class Meta:
        model = Hold
        fields = [
            "id",
            "kind",
            "digest",
            "text",
            "by",
            "at",
            "left_seconds",
            "ended_at",
            "ended_by",
            "ending",
            "answer",
        ]


class InboxQuery(parts.Asked):
    """`mine` waits for the caller, `others` for somebody else, `asked` is what the caller asked for."""

    scope = serializers.ChoiceField(["mine", "others", "asked"], default="mine")
    tier = serializers.ChoiceField(Tier.values, required=False)
    kind = serializers.ChoiceField(kinds.names(), required=False)
    team = serializers.SlugField(max_length=40, required=False)
    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class InboxSerializer(OperationSerializer):
    """A pending operation with its risk (the higher, the sooner to read) and the end of its time to be signed."""

    class Meta(OperationSerializer.Meta):
        model = Operation
        fields = [*OperationSerializer.Meta.fields, "risk", "approval_expires_at"]


class SeenAsk(parts.Asked):
    """One plan and the digest that was read."""

    operation = serializers.UUIDField()
    digest = parts.Text(max_length=80)


class AlikeAsk(parts.Asked):
    """Plans that make the same change; each one is signed under its own digest."""

    plans = SeenAsk(many=True, allow_empty=False)
    reason = parts.Text(max_length=2000, allow_blank=True, default="")


class OutcomeSerializer(parts.Shown):
    """Signed, or left out with the reason."""

    operation = serializers.UUIDField(source="operation.pk")
    digest = serializers.CharField()
    signed = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()

    def get_signed(self, outcome: Outcome) -> bool:
        return outcome.refused is None

    def get_refused(self, outcome: Outcome) -> dict[str, Any] | None:
        return None if outcome.refused is None else RefusedSerializer(outcome.refused).data
