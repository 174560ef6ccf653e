"""Who may do what: questions and answers, grants, roles, service accounts, reviews."""

from typing import Any

from rest_framework import serializers

from policies.models import AccessGrant, AccessReview, CustomRole, ReviewItem
from policies.permissions import Permission
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug


class WhyQuery(parts.Asked):
    """A right somewhere: `scope` is team:<slug>, service:<slug>, or empty for the organisation."""

    permission = serializers.ChoiceField([right.value for right in Permission])
    scope = serializers.CharField(max_length=50, required=False, default="", allow_blank=True)


class WhyOneQuery(WhyQuery):
    """The same for one person."""

    user = serializers.CharField(max_length=150)


class BecauseSerializer(parts.Shown):
    """One source of a right, or what takes it."""

    source = serializers.CharField()  # type: ignore[assignment]
    effect = serializers.CharField()
    what = serializers.CharField()
    where = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    by = serializers.CharField()
    reason = serializers.CharField()


class ExplanationSerializer(parts.Shown):
    """May they, and everything that speaks for or against it."""

    user = parts.PersonSerializer()
    permission = serializers.CharField()
    allowed = serializers.BooleanField()
    because = BecauseSerializer(many=True)


class WhoSerializer(parts.Shown):
    """Everybody who may, and everybody whom a denial stops."""

    people = ExplanationSerializer(many=True)


class GrantAsk(parts.Asked):
    """A role, a custom role or a right for somebody; without `ends_at` until it is revoked."""

    user = parts.Text(max_length=150)
    scope = parts.Text(max_length=50, allow_blank=True, default="")
    what = parts.Text(max_length=40)
    effect = serializers.ChoiceField(["allow", "deny"], default="allow")
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    reason = parts.Text(max_length=300)


class GrantSerializer(serializers.ModelSerializer[AccessGrant]):
    """A grant or a denial."""

    user = parts.PersonSerializer()
    granted_by = parts.PersonSerializer()
    what = serializers.CharField(source="matter")
    scope = serializers.SerializerMethodField()

    class Meta:
        model = AccessGrant
        fields = [
            *("id", "user", "scope", "what", "effect", "starts_at", "ends_at", "reason", "granted_by"),
            *("created_at", "revoked_at"),
        ]

    def get_scope(self, grant: Any) -> str:
        if grant.team:
            return f"team:{grant.team.slug}"
        return f"service:{grant.service.slug}" if grant.service else ""


class WhyNotAsk(parts.Asked):
    """What is recorded with it."""

    reason = parts.Text(max_length=300, allow_blank=True, default="")


class RoleAsk(parts.Asked):
    """A custom role; the same slug again changes it."""

    slug = serializers.SlugField(max_length=40)
    name = parts.Text(max_length=80)
    permissions = serializers.ListField(child=parts.Text(max_length=24), max_length=60)


class CustomRoleSerializer(serializers.ModelSerializer[CustomRole]):
    """A custom role."""

    class Meta:
        model = CustomRole
        fields = ["slug", "name", "permissions"]


class MemberAsk(parts.Asked):
    """A role of somebody in a team."""

    user = parts.Text(max_length=150)
    team = serializers.SlugField(max_length=40)
    role = serializers.SlugField(max_length=40)


class MembershipSerializer(parts.Shown):
    """A role of somebody in a team."""

    id = serializers.IntegerField()
    user = parts.PersonSerializer()
    team = serializers.SlugField(source="team.slug")
    role = serializers.CharField(source="held")


class AccountAsk(parts.Asked):
    """A new service account."""

    team = serializers.SlugField(max_length=40)
    name = parts.Text(max_length=40)
    role = serializers.ChoiceField(["viewer", "developer"])


class AccountSerializer(parts.Shown):
    """A service account."""

    username = serializers.CharField()
    name = serializers.CharField(source="full_name")
    team = serializers.SlugField(source="owning_team.slug")
    active = serializers.BooleanField(source="is_active")


class AccountTokenAsk(parts.Asked):
    """A new token of a service account; a machine carries no second factor."""

    name = parts.Text(max_length=80)
    scopes = serializers.ListField(child=parts.Text(max_length=20), min_length=1, max_length=10)
    days = parts.Whole(min_value=1, max_value=365)


class RotateAsk(parts.Asked):
    """How long the old value goes on working."""

    overlap_hours = parts.Whole(min_value=0, max_value=24, default=24)


class ReviewSerializer(serializers.ModelSerializer[AccessReview]):
    """A review of one team in one quarter."""

    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    open = serializers.IntegerField()
    total = serializers.IntegerField()

    class Meta:
        model = AccessReview
        fields = ["id", "team", "period", "opened_at", "due_at", "completed_at", "open", "total"]


class ItemSerializer(serializers.ModelSerializer[ReviewItem]):
    """One right under review."""

    user = parts.PersonSerializer()
    decided_by = parts.PersonSerializer(allow_null=True)

    class Meta:
        model = ReviewItem
        fields = ["id", "user", "subject", "what", "decision", "decided_by", "decided_at", "note"]


class ItemsSerializer(parts.Shown):
    """Every right of one review."""

    items = ItemSerializer(many=True)


class DecideAsk(parts.Asked):
    """Shall the right stay?"""

    decision = serializers.ChoiceField(["confirm", "revoke"])
    note = parts.Text(max_length=300, allow_blank=True, default="")


class LeftSerializer(parts.Shown):
    """How many of each ended."""

    tokens = serializers.IntegerField()
    grants = serializers.IntegerField()
    roles = serializers.IntegerField()
    looks = serializers.IntegerField()
    signatures = serializers.IntegerField()


class TransferAsk(parts.Asked):
    """The new owner's user name."""

    to = parts.Text(max_length=150)
    reason = parts.Text(max_length=300, allow_blank=True, default="")
