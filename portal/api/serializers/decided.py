"""Signing, cancelling, the log, decisions and signatures of one operation."""

from rest_framework import serializers

from policies.models import Decision, Signature
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning.models import OperationLog


class ApproveAsk(parts.Asked):
    """A signature is given to the digest that the signer read."""

    digest = parts.Text(max_length=80)
    reason = parts.Text(max_length=1000, allow_blank=True, default="")
    step = parts.Text(max_length=46, allow_blank=True, default="")


class RejectAsk(parts.Asked):
    """A rejection says why."""

    digest = parts.Text(max_length=80)
    reason = parts.Text(max_length=600)


class CancelAsk(parts.Asked):
    """Why, if there is something to say."""

    reason = parts.Text(max_length=1000, allow_blank=True, default="")


class LogQuery(parts.Asked):
    """From where to go on."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)


class LogLineSerializer(serializers.ModelSerializer[OperationLog]):
    """One redacted line."""

    class Meta:
        model = OperationLog
        fields = ["id", "at", "step", "line"]


class LogSerializer(parts.Shown):
    """Lines; ask again with `after` until `complete`."""

    lines = LogLineSerializer(many=True)
    after = serializers.IntegerField()
    complete = serializers.BooleanField()


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """One recorded judgement."""

    findings = parts.FindingSerializer(many=True)

    class Meta:
        model = Decision
        fields = ["id", "point", "kind", "allowed", "findings", "passed", "bundle", "input_digest", "micros", "at"]


class SignatureSerializer(serializers.ModelSerializer[Signature]):
    """One signature, standing or void."""

    signer = parts.PersonSerializer()
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)

    class Meta:
        model = Signature
        fields = ["id", "digest", "signer", "team", "verdict", "owning", "reason", "at", "voided_at", "void_reason"]
