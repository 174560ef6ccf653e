"""How a Terraform state is shown: addresses and types, lock, versions. Never a value."""

from rest_framework import serializers

from portal.api.serializers import parts


class StateLineSerializer(parts.Shown):
    """One resource."""

    address = serializers.CharField()
    type = serializers.CharField()
    provider = serializers.CharField()
    tainted = serializers.BooleanField()
    deposed = serializers.BooleanField()


class StateVersionSerializer(parts.Shown):
    """One saved version. Equal states have equal digests; the digest is keyed."""

    serial = serializers.IntegerField()
    lineage = serializers.CharField()
    operation = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField()
    at = serializers.DateTimeField()


class StateLockSerializer(parts.Shown):
    """Who holds the lock."""

    id = serializers.CharField(source="lock_id")
    operation = serializers.CharField(source="lock_operation")
    since = serializers.DateTimeField(source="locked_at")


class StateSerializer(parts.Shown):
    """The present state, and the newest versions."""

    serial = serializers.IntegerField()
    lineage = serializers.CharField()
    lock = StateLockSerializer(allow_null=True)
    resources = StateLineSerializer(many=True)
    versions = StateVersionSerializer(many=True)


class UnlockAsk(parts.Asked):
    """Why nobody can be writing any more."""

    reason = serializers.CharField(max_length=300)
