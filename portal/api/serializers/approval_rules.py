"""Approval rules, who stands in for whom, and emergencies."""

from typing import Any

from rest_framework import serializers

from policies.models import ApprovalRule, BrokenGlass, Delegation, OnExpiry, RuleStep
from policies.rule_book import CRITERIA, RuleDraft, StepDraft
from portal.api.serializers import parts


class Words(serializers.ListField):
    """Short names, at most fifty."""

    def __init__(self, **more: Any) -> None:
        super().__init__(child=parts.Text(max_length=150), max_length=50, default=list, **more)


class StepAsk(parts.Asked):
    """One step. `teams` are those whose approvers may sign, `groups` those of which one must."""

    name = parts.Text(max_length=40, default="Approval")
    position = serializers.IntegerField(min_value=1, max_value=20, default=1)
    quorum = serializers.IntegerField(min_value=1, max_value=20, default=1)
    owning = serializers.BooleanField(default=True)
    owning_least = serializers.IntegerField(min_value=0, max_value=20, default=0)
    teams = Words()
    roles = Words()
    groups = Words()
    editable = Words()


class RuleAsk(parts.Asked):
    """A rule. An empty criterion matches anything; `cost_delta` is per hour."""

    description = parts.Text(max_length=200)
    tiers = Words()
    kinds = Words()
    templates = Words()
    teams = Words()
    services = Words()
    findings = Words()
    cost_delta = serializers.DecimalField(max_digits=12, decimal_places=4, allow_null=True, default=None)
    outside_window = serializers.BooleanField(default=False)
    lifetime_hours = serializers.IntegerField(min_value=1, max_value=2160, default=72)
    on_expiry = serializers.ChoiceField(choices=OnExpiry.choices, default=OnExpiry.REJECT.value)
    escalate_teams = Words()
    escalate_people = Words()
    remind_hours = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2160), default=list, max_length=20
    )
    active = serializers.BooleanField(default=False)
    steps = StepAsk(many=True)


class NewRuleAsk(RuleAsk):
    """A rule to write; it is out of force unless it says otherwise."""

    slug = serializers.SlugField(max_length=40)


class RuleStepSerializer(serializers.ModelSerializer[RuleStep]):
    """One step of a rule."""

    class Meta:
        model = RuleStep
        fields = ["name", "position", "quorum", "owning", "owning_least", "teams", "roles", "groups", "editable"]


class ApprovalRuleSerializer(serializers.ModelSerializer[ApprovalRule]):
    """A rule with its steps."""

    steps = RuleStepSerializer(many=True)

    class Meta:
        model = ApprovalRule
        fields = [
            *("slug", "description", "active", *CRITERIA, "cost_delta", "outside_window", "lifetime_hours"),
            *("on_expiry", "escalate_teams", "escalate_people", "remind_hours", "steps"),
        ]


class DelegationAsk(parts.Asked):
    """Who is away and who signs instead; without `of` it is the caller, without `team` every team."""

    of = parts.Text(max_length=150, default="", allow_blank=True)
    to = parts.Text(max_length=150)
    team = parts.Text(max_length=40, default="", allow_blank=True)
    starts_at = serializers.DateTimeField(default=None, allow_null=True)
    ends_at = serializers.DateTimeField()
    reason = parts.Text(max_length=200)


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    """Somebody who stands in for somebody."""

    of: parts.Slug = serializers.SlugRelatedField("username", read_only=True)
    to: parts.Slug = serializers.SlugRelatedField("username", read_only=True)
    team: parts.Slug = serializers.SlugRelatedField("slug", read_only=True, allow_null=True)
    made_by: parts.Slug = serializers.SlugRelatedField("username", read_only=True)

    class Meta:
        model = Delegation
        fields = ["id", "of", "to", "team", "starts_at", "ends_at", "reason", "made_by", "made_at", "ended_at"]


class GlassAsk(parts.Asked):
    """The plan that shall begin without its signatures, and why."""

    digest = parts.Text(max_length=80)
    reason = parts.Text(max_length=2000)


class SignerEditAsk(parts.Asked):
    """Parameters that the signer's step may change."""

    digest = parts.Text(max_length=80)
    parameters = serializers.DictField()
    reason = parts.Text(max_length=2000, default="", allow_blank=True)


class ReviewAsk(parts.Asked):
    """What happened in an emergency, and what follows from it."""

    review = parts.Text(max_length=4000)


class EmergencySerializer(serializers.ModelSerializer[BrokenGlass]):
    """An emergency; `reviewed_at` null: it is open."""

    team: parts.Slug = serializers.SlugRelatedField("slug", read_only=True)
    breaker: parts.Slug = serializers.SlugRelatedField("username", read_only=True)
    requester: parts.Slug = serializers.SlugRelatedField("username", read_only=True)
    reviewer: parts.Slug = serializers.SlugRelatedField("username", read_only=True, allow_null=True)

    class Meta:
        model = BrokenGlass
        fields = [
            *("id", "subject", "digest", "team", "requester", "breaker", "reason", "missing", "at", "start_by"),
            *("reviewer", "reviewed_at", "review"),
        ]


def draft(asked: dict[str, Any], slug: str) -> RuleDraft:
    """What was asked, as the action takes it."""
    steps = tuple(_step(row) for row in asked["steps"])
    names = ("description", "cost_delta", "outside_window", "lifetime_hours", "on_expiry", "active")
    fields: dict[str, Any] = {name: asked[name] for name in names}
    fields |= {name: tuple(asked[name]) for name in ("escalate_teams", "escalate_people", "remind_hours")}
    return RuleDraft(slug=slug, steps=steps, criteria={name: tuple(asked[name]) for name in CRITERIA}, **fields)


def _step(row: dict[str, Any]) -> StepDraft:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return StepDraft(**fields)
