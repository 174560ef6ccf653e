"""Terraform state that Berth keeps for an environment: its lock, its history (encrypted bodies), tokens of runs.

What is legal with them stands in drivers/terraform/state.py; nothing here is readable without Vault.
"""

import uuid

from django.db import models

from provisioning.models.environments import Environment


class TerraformState(models.Model):
    """The present state of one environment and who holds its lock. `lock` is what Terraform said of itself."""

    environment = models.OneToOneField(Environment, models.CASCADE, primary_key=True, related_name="terraform_state")
    serial = models.BigIntegerField(default=0)
    lineage = models.CharField(max_length=64, blank=True)
    resources = models.PositiveIntegerField(default=0)
    saved_at = models.DateTimeField(null=True)
    lock_id = models.CharField(max_length=80, blank=True)
    lock = models.JSONField(default=dict)
    locked_at = models.DateTimeField(null=True)
    lock_operation = models.CharField(max_length=64, blank=True)
    lock_fence = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0, help_text="The highest under which anybody was let in to write.")
    inputs = models.JSONField(default=dict, help_text="What the last apply was given, secrets by reference only.")
    inputs_by = models.CharField(max_length=100, blank=True)
    previous = models.JSONField(default=dict, help_text="What the apply before it was given; undoing goes back there.")

    def __str__(self) -> str:
        return f"state of {self.environment_id}, serial {self.serial}"


class TerraformStateVersion(models.Model):
    """One saved state. `body` is Vault's ciphertext, empty once it is old; `digest` is keyed, so it tells nothing."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="terraform_versions")
    serial = models.BigIntegerField()
    lineage = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    operation = models.CharField(max_length=64)
    fence = models.BigIntegerField()
    digest = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    body = models.TextField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["environment", "-id"], name="terraform_version")]

    def __str__(self) -> str:
        return f"serial {self.serial} of {self.environment_id}"


class TerraformRun(models.Model):
    """The right of one run of the binary to read or write one state, for a short time. The token is kept as a hash.

    A writing run is bound to an operation and its fence; a run that only plans has neither and cannot write.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="terraform_runs")
    token_hash = models.CharField(max_length=64, unique=True)
    operation = models.CharField(max_length=64, blank=True)
    fence = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"run {self.id} on {self.environment_id}"
