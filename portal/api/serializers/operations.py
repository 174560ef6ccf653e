"""What is asked of operations, and how they are shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from observability.waiting import place_in_queue
from portal.api import reads
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning import kinds
from provisioning.actions.recovery import force_at
from provisioning.models import Operation, OperationStep
from provisioning.preview import Preview
from provisioning.states import OperationStatus
from provisioning.tiers import Tier

NEEDS: dict[str, tuple[str, ...]] = {
    "create": ("service", "template", "name", "tier"),
    "update": ("environment", "parameters"),
    "deploy": ("environment", "release"),
    "promote": ("environment", "release"),
}


class OperationQuery(parts.Asked):
    """Filters of the list."""

    status = serializers.ChoiceField(OperationStatus.values, required=False)
    kind = serializers.ChoiceField(kinds.names(), required=False)
    environment = serializers.UUIDField(required=False)
    team = serializers.SlugField(max_length=40, required=False)
    waiting = serializers.ChoiceField(["me"], required=False)
    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class WantedSerializer(parts.Asked):
    """A new environment, to preview. `template_version` is a version number or digest; the current one without."""

    service = serializers.SlugField(max_length=40)
    template = serializers.SlugField(max_length=40)
    template_version = parts.Text(max_length=80, required=False)
    name = parts.Text(max_length=63)
    tier = serializers.ChoiceField(Tier.values)
    parameters = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    ttl_hours = parts.Whole(min_value=1, max_value=24 * 365, required=False, allow_null=True)
    reason = parts.Text(max_length=1000, allow_blank=True, default="")


class OperationAsk(WantedSerializer):
    """Any change. `create` needs service, template, name and tier; every other kind needs environment."""

    kind = serializers.ChoiceField(kinds.names())
    service = serializers.SlugField(max_length=40, required=False)
    template = serializers.SlugField(max_length=40, required=False)
    name = parts.Text(max_length=63, required=False)
    tier = serializers.ChoiceField(Tier.values, required=False)
    parameters = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)
    environment = serializers.UUIDField(required=False)
    release = serializers.UUIDField(required=False, help_text="For deploy, promote and rollback.")
    confirm = parts.Text(max_length=63, required=False, help_text="The name, to destroy a prod-like one.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = attrs["kind"]
        needed = NEEDS.get(kind, ("environment",))
        missing = [name for name in needed if name not in attrs]
        if missing:
            raise serializers.ValidationError({name: [f"{kind} needs it."] for name in missing}, code="required")
        return attrs


class CostSerializer(parts.Shown):
    """Rates as exact decimal strings, by the named price book."""

    running_per_hour = serializers.CharField(source="price.running")
    suspended_per_hour = serializers.CharField(source="price.suspended")
    running_per_month = serializers.CharField(source="price.running_per_month")
    suspended_per_month = serializers.CharField(source="price.suspended_per_month")
    until_expiry = serializers.CharField(allow_null=True)
    currency = serializers.CharField(source="price.currency")
    book = serializers.CharField(source="price.book")


class RefusedSerializer(parts.Shown):
    """A refusal beside policy: the role, or the quota."""

    rule = serializers.CharField()
    field = serializers.CharField()
    reason = serializers.CharField()
    fix = serializers.CharField()
    who = serializers.CharField()
    about = serializers.DictField()


class ClosureSerializer(parts.Shown):
    """What keeps it from beginning now: a window, a stopped line or a switch."""

    rule = serializers.CharField()
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class PreviewSerializer(parts.Shown):
    """What a request would meet. Amounts are decimal strings."""

    allowed = serializers.BooleanField()
    errors = parts.FieldErrorSerializer(many=True)  # type: ignore[assignment]
    findings = parts.FindingSerializer(many=True)
    passed = serializers.ListField(child=serializers.CharField())
    quota = parts.UsageSerializer(many=True)
    cost = serializers.SerializerMethodField()
    ttl_hours = serializers.IntegerField(allow_null=True)
    requirement = parts.RequirementSerializer()
    signers = parts.PersonSerializer(many=True)
    refused = serializers.SerializerMethodField()
    closed = ClosureSerializer(allow_null=True)

    @extend_schema_field(CostSerializer(allow_null=True))
    def get_cost(self, preview: Preview) -> Any:
        return None if preview.price is None else CostSerializer(preview).data

    @extend_schema_field(RefusedSerializer(allow_null=True))
    def get_refused(self, preview: Preview) -> Any:
        return None if preview.denied is None else RefusedSerializer(preview.denied).data


class OperationSerializer(serializers.ModelSerializer[Operation]):
    """An operation in a list."""

    environment = parts.EnvironmentRefSerializer()
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    requester = parts.PersonSerializer(allow_null=True)
    digest = serializers.CharField(source="change_digest")

    class Meta:
        model = Operation
        fields = [
            *("id", "short_id", "kind", "status", "environment", "team", "tier", "requester", "origin", "reason"),
            *("digest", "signatures_needed", "blocked", "error"),
            *("created_at", "queued_at", "started_at", "finished_at"),
        ]


class StepSerializer(serializers.ModelSerializer[OperationStep]):
    """One recorded step."""

    class Meta:
        model = OperationStep
        fields = ["position", "name", "title", "status", "started_at", "ended_at", "detail"]


class ApprovalSerializer(parts.Shown):
    """What is needed and what stands for the present digest."""

    requirement = parts.RequirementSerializer()
    expires_at = serializers.DateTimeField(allow_null=True)
    signed = serializers.IntegerField()
    owning = serializers.IntegerField()
    complete = serializers.BooleanField()
    signers = parts.PersonSerializer(many=True)


class QueueSerializer(parts.Shown):
    """Where it stands among the waiting of its pool, why, and about how long, in seconds."""

    position = serializers.IntegerField()
    length = serializers.IntegerField()
    reason = serializers.CharField()
    words = serializers.CharField()
    waits_for = serializers.UUIDField(source="holder.pk", default=None, allow_null=True)
    usual_seconds = serializers.FloatField(allow_null=True)
    starts_in_seconds = serializers.FloatField(allow_null=True)


class OperationDetailSerializer(OperationSerializer):
    """An operation in full."""

    plan = serializers.JSONField(allow_null=True)
    arguments = serializers.JSONField()
    approval = serializers.SerializerMethodField()
    steps = StepSerializer(many=True)
    findings = serializers.SerializerMethodField()
    queue = serializers.SerializerMethodField()
    healing = serializers.JSONField()
    force_at = serializers.SerializerMethodField()

    class Meta(OperationSerializer.Meta):
        fields = [
            *OperationSerializer.Meta.fields,
            *("arguments", "plan", "plan_locked_at", "cancel_requested_at", "attempts", "not_before"),
            *("failed_step", "healing", "force_at", "approval", "steps", "findings", "queue"),
        ]

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_force_at(self, operation: Operation) -> Any:
        at = force_at(operation)
        return None if at is None else at.isoformat()

    @extend_schema_field(ApprovalSerializer)
    def get_approval(self, operation: Operation) -> Any:
        return ApprovalSerializer(reads.approval(operation)).data

    @extend_schema_field(parts.FindingSerializer(many=True))
    def get_findings(self, operation: Operation) -> Any:
        latest = reads.decisions(operation).first()
        return parts.FindingSerializer(latest.findings if latest else [], many=True).data

    @extend_schema_field(QueueSerializer(allow_null=True))
    def get_queue(self, operation: Operation) -> Any:
        place = place_in_queue(operation)
        return None if place is None else QueueSerializer(place).data
