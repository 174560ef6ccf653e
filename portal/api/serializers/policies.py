"""Bundles, the log of decisions, and policy checks."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from policies.engine import ENGINE
from policies.models import Decision, PolicyBundle, Replay
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning.actions.policy_check import KINDS, Result


class RuleSerializer(parts.Shown):
    """What a rule says of itself."""

    id = serializers.CharField()
    severity = serializers.CharField()
    title = serializers.CharField()
    waiver = serializers.CharField()


class BundleSerializer(serializers.ModelSerializer[PolicyBundle]):
    """A bundle without its files."""

    rules = RuleSerializer(many=True)

    class Meta:
        model = PolicyBundle
        fields = ["id", "digest", "source", "state", "rules", "tests", "created_at", "activated_at", "retired_at"]


class ActAsk(parts.Asked):
    """What to do with a bundle; `days` for a replay."""

    act = serializers.ChoiceField(choices=["activate", "shadow", "withdraw", "replay"])
    days = parts.Whole(min_value=1, max_value=365, default=7)


class ReplaySerializer(serializers.ModelSerializer[Replay]):
    """What a bundle would have said; `blocked` of `judged` were allowed then; `unjudged` could not be judged."""

    class Meta:
        model = Replay
        fields = ["id", "days", "asked_at", "done_at", "judged", "unjudged", "blocked", "freed"]


class BundleDetailSerializer(BundleSerializer):
    """A bundle with its files and replays."""

    files = serializers.SerializerMethodField()
    replays = ReplaySerializer(many=True)

    class Meta(BundleSerializer.Meta):
        fields = [*BundleSerializer.Meta.fields, "files", "replays"]

    def get_files(self, bundle: PolicyBundle) -> dict[str, str]:
        return {path: text for path, text in bundle.files}


class DecisionsQuery(parts.Asked):
    """Filters of the log."""

    rule = parts.Text(max_length=80, required=False)
    team = parts.Text(max_length=40, required=False)
    outcome = serializers.ChoiceField(choices=["refused", "allowed"], required=False)
    cursor = serializers.CharField(required=False, help_text="From `next` or `previous`.")
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200)


class LoggedDecisionSerializer(serializers.ModelSerializer[Decision]):
    """One recorded judgement, and what it was about."""

    findings = parts.FindingSerializer(many=True)
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)

    class Meta:
        model = Decision
        fields = [
            *("id", "subject", "team", "point", "kind", "allowed", "findings", "passed", "bundle", "input_digest"),
            *("micros", "at"),
        ]


class CheckAsk(parts.Asked):
    """A document as text, and where it is for: an environment by name, or service, template and tier."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    document = parts.Text(max_length=2 << 20, trim_whitespace=False)
    environment = parts.Text(max_length=63, allow_blank=True, default="")
    service = parts.Text(max_length=40, allow_blank=True, default="")
    template = parts.Text(max_length=40, allow_blank=True, default="")
    tier = parts.Text(max_length=10, allow_blank=True, default="")


class CheckResultSerializer(parts.Shown):
    """What policy says to one part of the document."""

    name = serializers.CharField()
    allowed = serializers.BooleanField()
    findings = parts.FindingSerializer(many=True)
    passed = serializers.ListField(child=serializers.CharField())
    decision = serializers.IntegerField()


class CheckSerializer(parts.Shown):
    """The whole answer. `judged` false: the rules could not be asked, so that nothing is allowed."""

    allowed = serializers.BooleanField()
    judged = serializers.BooleanField()
    bundle = serializers.CharField()
    results = CheckResultSerializer(many=True)


def checked(results: list[Result]) -> dict[str, Any]:
    """The answer for these results."""
    return {
        "allowed": all(each.ruling.allowed for each in results),
        "judged": not any(finding.rule == ENGINE for each in results for finding in each.ruling.findings),
        "bundle": results[0].ruling.bundle if results else "",
        "results": [
            {
                "name": each.name,
                "allowed": each.ruling.allowed,
                "findings": [asdict(finding) for finding in each.ruling.findings],
                "passed": list(each.ruling.passed),
                "decision": each.decision.pk if each.decision else 0,
            }
            for each in results
        ],
    }
