"""What can be ordered: sources, templates, their immutable versions, and when each was published.

Rows are written by `actions` only. A version never changes: a trigger in migration 0001 sees to it.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog import durations

SLUG = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"


class Source(models.Model):
    """A Git repository of templates, and how the last sync of it went."""

    slug = models.TextField(unique=True)
    url = models.TextField()
    ref = models.TextField(default="main")
    enabled = models.BooleanField(default=True)
    last_commit = models.TextField(blank=True, default="")
    last_synced_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    sync_asked_at = models.DateTimeField(null=True, blank=True, help_text="Somebody wants it read again; null since.")

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=Q(slug__regex=SLUG), name="source_slug_is_a_label")]

    def __str__(self) -> str:
        return self.slug

    @property
    def problems(self) -> list[str]:
        """Why the last sync changed nothing, a sentence each; empty when it was good."""
        return self.last_error.splitlines()


class TemplateState(models.TextChoices):
    """Whether new environments may be made from a template."""

    ACTIVE = "active", "Active"
    DEPRECATED = "deprecated", "Deprecated"
    RETIRED = "retired", "Retired"


class Template(models.Model):
    """A catalogue entry. Its texts are those of its current version."""

    slug = models.TextField(unique=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="templates")
    name = models.TextField()
    description = models.TextField()
    icon = models.TextField()
    category = models.TextField()
    owner = models.TextField(help_text="Short name of the team that looks after it.")
    state = models.TextField(choices=TemplateState.choices, default=TemplateState.ACTIVE)
    current = models.ForeignKey("TemplateVersion", on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["category", "name", "slug"]
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="template_slug_is_a_label"),
            models.CheckConstraint(condition=Q(state__in=TemplateState.values), name="template_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.slug


class TemplateVersion(models.Model):
    """One immutable version: the checked data of `template.yaml` and its docs, addressed by their content."""

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="versions")
    digest = models.TextField(unique=True)
    version = models.TextField()
    schema_version = models.TextField()
    spec = models.JSONField()
    docs = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(digest__regex=r"^sha256:[0-9a-f]{64}$"), name="version_digest_is_sha256"
            ),
            models.UniqueConstraint(fields=["template", "version"], name="version_number_is_used_once"),
        ]

    def __str__(self) -> str:
        return f"{self.template.slug} {self.version}"

    @property
    def name(self) -> str:
        """The template's name as of this version."""
        return str(self.spec["name"])

    @property
    def changes(self) -> str:
        """What this version changed, in one line."""
        return str(self.spec["changes"])

    @property
    def driver(self) -> str:
        """The name of the driver that provisions it."""
        return str(self.spec["driver"])

    @property
    def target(self) -> str:
        """The target the driver shall use, by its short name; "" for the driver's own place."""
        return str(self.spec.get("target", ""))

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers it may be used in."""
        return tuple(self.spec["tiers"])

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON Schema of the parameters."""
        return dict(self.spec["parameters"])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """What an environment gives back: name, description, sensitive."""
        return list(self.spec["outputs"])

    @property
    def secrets(self) -> list[dict[str, Any]]:
        """The secrets an environment holds: name, description, rotate_days."""
        return list(self.spec.get("secrets", []))

    @property
    def price(self) -> dict[str, Any]:
        """The price book; `pricing.price` reads it."""
        return dict(self.spec["price"])

    @property
    def resources(self) -> dict[str, Any]:
        """What the driver is told to make; its shape is the driver's own."""
        return dict(self.spec["resources"])

    def ttl_hours(self, tier: str) -> int | None:
        """The usual lifetime in the tier, or None where environments do not expire."""
        return self._lifetime(tier, "default")

    def ttl_max_hours(self, tier: str) -> int | None:
        """The longest lifetime, counted from creation, or None where environments do not expire."""
        return self._lifetime(tier, "max")

    def _lifetime(self, tier: str, which: str) -> int | None:
        ttl = self.spec["ttl"].get(tier)
        return durations.hours(ttl[which]) if ttl else None


class Publication(models.Model):
    """A version became the current one, at this commit: where content came from, never what it is."""

    version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="publications")
    commit = models.TextField()
    ref = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.version_id}@{self.commit[:12]}"
