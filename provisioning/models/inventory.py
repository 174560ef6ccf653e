"""What exists outside and could be adopted: candidates with the team they are assigned to, and where they were read."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from policies.models import Team
from provisioning.models.environments import Environment
from provisioning.models.targets import Target
from provisioning.states import EnvironmentStatus


class InventoryImport(models.Model):
    """One reading of a list, a state or a cluster. `finished_at` None: a worker still has to scan."""

    class Source(models.TextChoices):
        CSV = "csv", "CSV"
        TERRAFORM = "terraform", "Terraform state"
        CLUSTER = "cluster", "Cluster scan"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=10, choices=Source.choices)
    name = models.CharField(max_length=120)
    target = models.ForeignKey(Target, models.PROTECT, related_name="+", null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    added = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, help_text="[{row, field, reason}] of what was left out.")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.name}"

    @property
    def ref(self) -> str:
        return f"inventoryimport:{self.pk}"


class InventoryItem(models.Model):
    """One existing resource. `resource_id` is what the target calls it, `address` what a template would call it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    driver = models.CharField(max_length=20)
    target = models.ForeignKey(Target, models.PROTECT, related_name="inventory", null=True)
    kind = models.CharField(max_length=80)
    address = models.CharField(max_length=160)
    resource_id = models.CharField(max_length=500)
    name = models.CharField(max_length=120, blank=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="inventory", null=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="adopted", null=True)
    seen_in = models.ForeignKey(InventoryImport, models.PROTECT, related_name="items")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["driver", "address", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["driver", "target", "kind", "resource_id"],
                name="inventory_resource_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=~Q(address="") & ~Q(resource_id=""), name="inventory_has_address"),
        ]
        indexes = [models.Index(fields=["team", "driver"], name="inventory_team")]

    def __str__(self) -> str:
        return f"{self.address} ({self.resource_id})"

    @property
    def ref(self) -> str:
        return f"inventory:{self.pk}"

    @property
    def is_adopted(self) -> bool:
        """Does a living environment hold it? An adoption that was undone lets it go again."""
        return self.environment is not None and self.environment.status != EnvironmentStatus.DESTROYED

    @property
    def state(self) -> str:
        if self.is_adopted:
            return "adopted"
        return "assigned" if self.team_id else "unassigned"
