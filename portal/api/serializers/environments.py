"""What is asked of environments and their secrets, and how they are shown."""

from rest_framework import serializers

from portal.api import reads
from portal.api.serializers import parts
from portal.api.serializers.parts import Slug
from provisioning.models import Environment, SecretBinding
from provisioning.states import EnvironmentStatus
from provisioning.tiers import Tier


class EnvironmentQuery(parts.Asked):
    """Filters of the list."""

    status = serializers.ChoiceField(EnvironmentStatus.values, required=False)
    tier = serializers.ChoiceField(Tier.values, required=False)
    team = serializers.SlugField(max_length=40, required=False)
    service = serializers.SlugField(max_length=40, required=False)
    name = serializers.CharField(max_length=63, required=False)
    cursor = serializers.CharField(max_length=500, required=False)
    page_size = serializers.CharField(max_length=4, required=False)


class TemplateRefSerializer(parts.Shown):
    """The template version something was made from."""

    slug = serializers.CharField(source="template.slug")
    version = serializers.CharField()
    digest = serializers.CharField()


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """An environment in a list."""

    service: Slug = serializers.SlugRelatedField("slug", read_only=True)
    team: Slug = serializers.SlugRelatedField("slug", read_only=True)
    owner = parts.PersonSerializer()
    template = TemplateRefSerializer(source="template_version")
    release = serializers.JSONField()

    class Meta:
        model = Environment
        fields = [
            *("id", "name", "service", "team", "tier", "status", "owner", "template", "release"),
            *("created_at", "ready_at", "expires_at", "suspended_at", "destroyed_at"),
        ]


class EnvironmentDetailSerializer(EnvironmentSerializer):
    """An environment in full. Rates are decimal strings per hour."""

    parameters = serializers.JSONField()
    outputs = serializers.JSONField()
    drift = serializers.JSONField()
    health = serializers.JSONField()

    class Meta(EnvironmentSerializer.Meta):
        fields = [
            *EnvironmentSerializer.Meta.fields,
            *("driver", "parameters", "outputs", "cost_centre", "changed_at", "expires_at_most", "drift", "health"),
            *("rate_running", "rate_suspended", "currency"),
        ]


class LifetimeAsk(parts.Asked):
    """When it shall end."""

    expires_at = serializers.DateTimeField(help_text="From now on, at most the environment's own maximum.")


class ExtendAsk(parts.Asked):
    """By how many hours."""

    hours = parts.Whole(min_value=1, max_value=24 * 365)


class SecretSerializer(serializers.ModelSerializer[SecretBinding]):
    """Where a secret is, which version, how old. Never a value."""

    age_seconds = serializers.SerializerMethodField()

    class Meta:
        model = SecretBinding
        fields = ["name", "path", "version", "written_at", "age_seconds", "rotate_days"]

    def get_age_seconds(self, binding: SecretBinding) -> int:
        return reads.age_seconds(binding.written_at)


class RevealAsk(parts.Asked):
    """A reveal is recorded with its reason."""

    reason = parts.Text(max_length=600)


class RevealedSerializer(parts.Shown):
    """The values, once."""

    path = serializers.CharField()
    version = serializers.IntegerField()
    values = serializers.DictField(child=serializers.CharField())
