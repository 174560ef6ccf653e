"""Policy bundles as data, where they come from, and what is kept of every judgement. Judging lives in `engine.py`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.models.people import Team, User
from policies.models.rules import Decision


class BundleState(models.TextChoices):
    """What a bundle is used for."""

    DRAFT = "draft", _("Draft")
    SHADOW = "shadow", _("Shadow")
    ACTIVE = "active", _("In force")
    RETIRED = "retired", _("Retired")


class PolicySource(models.Model):
    """A Git repository of policies; `files` is what its newest good commit holds, as [[path, text]]."""

    slug = models.SlugField(max_length=40, unique=True)
    url = models.CharField(max_length=500)
    ref = models.CharField(max_length=200, default="main")
    asked_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    commit = models.CharField(max_length=64, blank=True)
    refused = models.CharField(max_length=64, blank=True, help_text=_("The newest commit, if it is a bad one."))
    problem = models.TextField(blank=True)
    files = models.JSONField(default=list)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class FormRule(models.Model):
    """A rule that was filled in, not written: `form` is what was said, from which the Rego is made."""

    slug = models.SlugField(max_length=40, unique=True)
    form = models.JSONField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class PolicyBundle(models.Model):
    """A bundle that passed every check, addressed by content. Only its state and the times of it may change."""

    digest = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=120, help_text=_("In words: shipped, Git with commit, form."))
    files = models.JSONField(help_text=_("[[path, text]], tests included."))
    rules = models.JSONField(help_text=_("[{id, severity, title, waiver}] by id."))
    tests = ArrayField(models.CharField(max_length=200))
    state = models.CharField(max_length=8, choices=BundleState.choices, default=BundleState.DRAFT)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="active"), name="one_bundle_in_force"),
            models.UniqueConstraint(fields=["state"], condition=Q(state="shadow"), name="one_bundle_in_shadow"),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(activated_at__isnull=False), name="bundle_in_force_since"
            ),
        ]

    def __str__(self) -> str:
        return self.digest[:19]

    @property
    def ref(self) -> str:
        """The text reference of the history."""
        return f"bundle:{self.pk}"


class DecisionInput(models.Model):
    """The facts of decisions by their digest, for replay and shadow; kept for some weeks, then removed."""

    digest = models.CharField(max_length=80, primary_key=True)
    document = models.TextField(help_text=_("Canonical JSON, byte for byte what the digest is of."))
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["at"], name="decision_input_at")]

    def __str__(self) -> str:
        return self.digest[:19]


class ShadowDecision(models.Model):
    """What a bundle in shadow would have said to the facts of one decision. It has no effect."""

    bundle = models.ForeignKey(PolicyBundle, models.PROTECT, related_name="shadowed")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="shadows")
    allowed = models.BooleanField()
    differs = models.BooleanField(help_text=_("Another outcome than the bundle in force gave."))
    findings = models.JSONField()
    micros = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bundle", "decision"], name="shadowed_once")]

    def __str__(self) -> str:
        return f"{self.bundle}: {'allows' if self.allowed else 'refuses'} {self.decision_id}"


class Replay(models.Model):
    """A question to a bundle: what would it have said to the decisions of the last `days`? Answered by a worker."""

    bundle = models.ForeignKey(PolicyBundle, models.CASCADE, related_name="replays")
    days = models.PositiveSmallIntegerField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)
    judged = models.PositiveIntegerField(default=0)
    unjudged = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text=_("Could not be judged: the facts are gone or lack what is required today, or no answer."),
    )
    blocked = models.PositiveIntegerField(default=0, help_text=_("Allowed then; this bundle would have blocked it."))
    freed = models.PositiveIntegerField(default=0, help_text=_("Blocked then; this bundle would have allowed it."))
    rows = models.JSONField(default=list, help_text=_("[{decision, allowed, findings}] of those that differ."))

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["bundle"], condition=Q(done_at=None), name="one_replay_waits"),
            models.CheckConstraint(condition=Q(days__gte=1) & Q(days__lte=365), name="replay_within_a_year"),
        ]

    def __str__(self) -> str:
        return f"{self.bundle}: {self.days} days"


class Standing(models.Model):
    """What policy says now about one thing that runs (`environment:<id>`)."""

    subject = models.CharField(max_length=80, unique=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    allowed = models.BooleanField()
    findings = models.JSONField()
    bundle = models.CharField(max_length=80)
    decision = models.ForeignKey(Decision, models.PROTECT, null=True, related_name="+")
    judged_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["judged_at"], name="standing_judged"),
            models.Index(fields=["team", "-changed_at"], condition=~Q(findings=[]), name="standing_found"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {len(self.findings)}"
