"""Releases of services. Where one runs is the environment's own record; how it got there is its operations'."""

import uuid

from django.conf import settings
from django.db import models

from policies.models import Service, Team


class Release(models.Model):
    """An immutable artifact of a service, addressed by digest. `artifact` is what the driver needs to run it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="releases")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=80)
    artifact = models.JSONField(default=dict)
    notes = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["service", "version"], name="release_version_once"),
            models.CheckConstraint(
                condition=models.Q(digest__regex=r"^sha256:[0-9a-f]{64}$"), name="release_digest_is_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.version}"

    def as_spec(self) -> dict[str, object]:
        """What an operation and an environment record of it."""
        return {"version": self.version, "digest": self.digest, "artifact": self.artifact, "release": str(self.pk)}
