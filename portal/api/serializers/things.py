"""Teams, services, templates, releases, pipelines, tokens and oneself."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Template, TemplateVersion
from delivery.models import Release
from policies import quotas
from policies.models import ApiToken, Membership, Service, Team, User
from policies.tokens import SCOPES
from portal.api import reads
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug


class PageQuery(parts.Asked):
    """A list without filters."""

    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class ServiceQuery(PageQuery):
    """Filters of the services."""

    team = serializers.SlugField(max_length=40, required=False)


class ServiceSerializer(serializers.ModelSerializer[Service]):
    """A service."""

    team: Slug = serializers.SlugRelatedField("slug", read_only=True)

    class Meta:
        model = Service
        fields = ["slug", "name", "description", "team", "repository", "on_call", "runbook_url"]


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team, with the roles that the caller holds in it."""

    roles = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ["slug", "name", "cost_centre", "roles"]

    def get_roles(self, team: Any) -> list[str]:
        return sorted(membership.held for membership in team.own)


class MemberSerializer(parts.Shown):
    """One role of one person."""

    person = parts.PersonSerializer(source="user")
    role = serializers.CharField(source="held")


class TeamDetailSerializer(serializers.ModelSerializer[Team]):
    """A team in full."""

    quota = serializers.SerializerMethodField()
    members = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ["slug", "name", "cost_centre", "quota", "members"]

    @extend_schema_field(parts.UsageSerializer(many=True))
    def get_quota(self, team: Team) -> Any:
        return parts.UsageSerializer(quotas.usage(team), many=True).data

    @extend_schema_field(MemberSerializer(many=True))
    def get_members(self, team: Team) -> Any:
        return MemberSerializer(reads.members(team), many=True).data


class TemplateSerializer(serializers.ModelSerializer[Template]):
    """A catalogue entry."""

    version = serializers.CharField(source="current.version", default="")
    digest = serializers.CharField(source="current.digest", default="")
    tiers = serializers.ListField(child=serializers.CharField(), source="current.tiers", default=list)

    class Meta:
        model = Template
        fields = ["slug", "name", "description", "icon", "category", "owner", "state", "version", "digest", "tiers"]


class TemplateVersionSerializer(serializers.ModelSerializer[TemplateVersion]):
    """One immutable version; `parameters` is a JSON Schema."""

    spec = serializers.JSONField()

    class Meta:
        model = TemplateVersion
        fields = ["version", "digest", "schema_version", "created_at", "spec"]


class TemplateDetailSerializer(TemplateSerializer):
    """A catalogue entry with its current version."""

    current = TemplateVersionSerializer(allow_null=True)
    docs = serializers.CharField(source="current.docs", default="")

    class Meta(TemplateSerializer.Meta):
        fields = [*TemplateSerializer.Meta.fields, "current", "docs"]


class ReleaseQuery(PageQuery):
    """Filters of the releases."""

    service = serializers.SlugField(max_length=40, required=False)
    version = serializers.CharField(max_length=40, required=False)


class ReleaseAsk(parts.Asked):
    """An immutable release. Without a digest, it is that of the artifact description."""

    service = serializers.SlugField(max_length=40)
    version = parts.Text(max_length=40)
    artifact = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    digest = parts.Text(max_length=80, allow_blank=True, default="")
    notes = parts.Text(max_length=300, allow_blank=True, default="")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release."""

    service: Slug = serializers.SlugRelatedField("slug", read_only=True)
    created_by = parts.PersonSerializer()
    artifact = serializers.JSONField()

    class Meta:
        model = Release
        fields = ["id", "service", "version", "digest", "artifact", "notes", "created_by", "created_at"]


class MovingSerializer(parts.Shown):
    """The operation under way."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.CharField()


class StageSerializer(parts.Shown):
    """One environment of the pipeline."""

    environment = parts.EnvironmentRefSerializer()
    status = serializers.CharField(source="environment.status")
    version = serializers.CharField()
    digest = serializers.CharField()
    moving = MovingSerializer(allow_null=True)


class ConditionSerializer(parts.Shown):
    """One thing a move needs."""

    met = serializers.BooleanField()
    text = serializers.CharField()


class GateSerializer(parts.Shown):
    """The line between two stages. `release`: what could move, or null."""

    source = serializers.CharField(source="source.environment.name")  # type: ignore[assignment]
    target = serializers.CharField(source="target.environment.name")
    release = serializers.UUIDField(source="release.pk", default=None, allow_null=True)
    is_open = serializers.BooleanField()
    conditions = ConditionSerializer(many=True)


class PipelineSerializer(parts.Shown):
    """A service's environments from the lowest tier to the highest, with the gates between them."""

    service = serializers.CharField(source="service.slug")
    stages = StageSerializer(many=True)
    gates = GateSerializer(many=True)


class TokenAsk(parts.Asked):
    """A token for oneself."""

    name = parts.Text(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES), min_length=1, max_length=len(SCOPES))
    days = parts.Whole(min_value=1, max_value=365)
    second_factor = serializers.BooleanField(
        required=False, default=False, help_text="Carry the second factor that was entered in this session."
    )


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its value."""

    last_used_at = serializers.DateTimeField(source="use.at", default=None, allow_null=True)
    second_factor_at = serializers.DateTimeField(
        source="factor_at", allow_null=True, help_text="When the factor that it carries was entered."
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"]
        fields += ["second_factor_at"]


class NewTokenSerializer(TokenSerializer):
    """A token with its value, which is shown this once."""

    value = serializers.CharField()

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "value"]


class FactorSerializer(parts.Shown):
    """One of one's own second factors, without anything secret."""

    id = serializers.IntegerField()
    kind = serializers.CharField(source="type")
    name = serializers.CharField(source="data.name", default="")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class RoleSerializer(serializers.ModelSerializer[Membership]):
    """A role in a team."""

    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    role = serializers.CharField(source="held")

    class Meta:
        model = Membership
        fields = ["team", "role"]


class MeSerializer(parts.Shown):
    """Who calls, and with which rights. `scopes` null: a browser session, which is not narrowed."""

    username = serializers.CharField()
    name = serializers.CharField(source="full_name")
    time_zone = serializers.CharField()
    is_auditor = serializers.BooleanField()
    is_platform = serializers.BooleanField()
    roles = serializers.SerializerMethodField()
    scopes = serializers.SerializerMethodField()

    @extend_schema_field(RoleSerializer(many=True))
    def get_roles(self, user: User) -> Any:
        return RoleSerializer(reads.memberships(user), many=True).data

    def get_scopes(self, user: User) -> list[str] | None:
        token = self.context["request"].auth
        return list(token.scopes) if isinstance(token, ApiToken) else None
