"""An environment and the secrets it may read."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import TemplateVersion
from policies.models import Service, Team
from provisioning.models.targets import Target
from provisioning.states import EnvironmentStatus
from provisioning.tiers import PROD_LIKE, Tier

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"


class Environment(models.Model):
    """A named runtime scope of one service in one tier, made from one template version with recorded parameters."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63)
    made_as = models.CharField(max_length=63, blank=True, help_text="What its resources call it, if not its name.")
    service = models.ForeignKey(Service, models.PROTECT, related_name="environments")
    team = models.ForeignKey(Team, models.PROTECT, related_name="environments")
    tier = models.CharField(max_length=10, choices=Tier.choices)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="environments")
    template_version = models.ForeignKey(TemplateVersion, models.PROTECT, related_name="environments")
    driver = models.CharField(max_length=20)
    target = models.ForeignKey(Target, models.PROTECT, related_name="environments", null=True)
    parameters = models.JSONField(default=dict)
    outputs = models.JSONField(default=dict)
    release = models.JSONField(default=dict, help_text="{version, digest, artifact} of what runs, or {}.")
    cost_centre = models.CharField(max_length=40)
    status = models.CharField(max_length=12, choices=EnvironmentStatus.choices, default=EnvironmentStatus.REQUESTED)
    fence = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    expires_at_most = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True, help_text="When expiry suspended it; the grace time runs from here.")
    destroyed_at = models.DateTimeField(null=True)
    drift = models.JSONField(default=dict, help_text="{at, state, changes, cause} of the last comparison, or {}.")
    health = models.JSONField(default=dict, help_text="{at, status, reason, releases} as last asked, or {}.")
    rate_running = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    rate_suspended = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=~Q(status="destroyed"), name="environment_name_live_once"
            ),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="environment_name_dns_label"),
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="environment_tier_known"),
            models.CheckConstraint(
                condition=Q(expires_at_most=None) | Q(expires_at=None) | Q(expires_at__lte=F("expires_at_most")),
                name="environment_expiry_within_maximum",
            ),
            models.CheckConstraint(
                condition=~Q(tier__in=sorted(PROD_LIKE)) | Q(expired_at=None, warned_at=None),
                name="prod_like_never_expires",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "status", "name"], name="environment_team"),
            models.Index(fields=["status", "name"], name="environment_status"),
            models.Index(fields=["tier", "name"], name="environment_tier"),
            models.Index(fields=["service", "tier"], name="environment_service"),
            models.Index(fields=["owner", "status"], name="environment_owner"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=["ready", "suspended"]),
                name="environment_expiry",
            ),
            models.Index(fields=["expired_at"], condition=Q(status="suspended"), name="environment_grace"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_id(self) -> str:
        return self.id.hex[:8]

    @property
    def ref(self) -> str:
        return f"environment:{self.pk}"

    @property
    def handle(self) -> str:
        """The name its resources carry: the one it was made under, which a claim from a warm pool does not change."""
        return self.made_as or self.name

    @property
    def is_prod_like(self) -> bool:
        return self.tier in PROD_LIKE


class Recheck(models.Model):
    """A note that an environment shall be looked at again. Not a record: what is found then is recorded."""

    environment = models.OneToOneField(Environment, models.CASCADE, primary_key=True, related_name="recheck")
    cause = models.CharField(max_length=10, help_text="asked, or suspected: a write of a lost worker may have landed.")
    reason = models.CharField(max_length=200)
    marked_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.environment_id}: {self.reason}"


class SecretBinding(models.Model):
    """A Vault path an environment may read. The value is never here."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="secrets")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    name = models.CharField(max_length=63)
    path = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    rotate_days = models.PositiveIntegerField(null=True)
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="secret_once")]

    def __str__(self) -> str:
        return f"{self.path} v{self.version}"
