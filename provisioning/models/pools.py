"""Warm pools: environments that are made before anybody asks, for one service and one template version."""

import uuid
import zoneinfo
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.models import Template
from policies.models import Service
from provisioning.models.environments import Environment
from provisioning.tiers import Tier


class WarmPool(models.Model):
    """How many are kept ready, when, and for how much a month. Days count from 0, Monday; hours are of `time_zone`.

    A pool belongs to one service, since neither service nor team of an environment ever changes.
    """

    TIERS = (Tier.DEV, Tier.TEST)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    template = models.ForeignKey(Template, models.PROTECT, related_name="pools")
    service = models.ForeignKey(Service, models.PROTECT, related_name="pools")
    tier = models.CharField(max_length=10)
    parameters = models.JSONField(default=dict)
    size = models.PositiveSmallIntegerField()
    days = ArrayField(models.PositiveSmallIntegerField(), size=7)
    from_hour = models.PositiveSmallIntegerField(default=0)
    to_hour = models.PositiveSmallIntegerField(default=24)
    time_zone = models.CharField(max_length=60, default="UTC")
    budget = models.DecimalField(max_digits=10, decimal_places=2, help_text="Per calendar month, in UTC.")
    enabled = models.BooleanField(default=True)
    blocked = models.CharField(max_length=300, blank=True, help_text="Why it is not filled now, in words.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["template", "service", "tier", "id"]
        constraints = [
            models.UniqueConstraint(fields=["template", "service", "tier", "parameters"], name="pool_once"),
            models.CheckConstraint(condition=Q(tier__in=["dev", "test"]), name="pool_below_prod"),
            models.CheckConstraint(condition=Q(size__gte=0, size__lte=20), name="pool_size"),
            models.CheckConstraint(
                condition=Q(from_hour__lt=F("to_hour"), to_hour__lte=24), name="pool_hours_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size} × {self.template.slug} for {self.service.slug}"

    @property
    def ref(self) -> str:
        return f"pool:{self.pk}"

    def is_open(self, now: datetime) -> bool:
        """Shall it be filled at this moment?"""
        local = now.astimezone(zoneinfo.ZoneInfo(self.time_zone))
        return self.enabled and local.weekday() in self.days and self.from_hour <= local.hour < self.to_hour


class WarmEnvironment(models.Model):
    """An environment that a pool made. Once claimed it is like any other; how it was made stays known."""

    environment = models.OneToOneField(Environment, models.PROTECT, primary_key=True, related_name="warm")
    pool = models.ForeignKey(WarmPool, models.PROTECT, related_name="members")
    made_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    rate = models.DecimalField(max_digits=12, decimal_places=6, help_text="Per hour while it waits.")

    class Meta:
        indexes = [models.Index(fields=["pool", "claimed_at"], name="warm_pool")]

    def __str__(self) -> str:
        return f"{self.environment_id} of {self.pool_id}"
