"""Quotas, recorded decisions, approval rules and signatures. Subjects are text references (`operation:<id>`)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models.people import Team, User


class Quota(models.Model):
    """How much of one metric a team may hold at a time."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="quotas")
    metric = models.CharField(max_length=40)
    limit = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "metric"], name="quota_once")]

    def __str__(self) -> str:
        return f"{self.team} {self.metric} ≤ {self.limit}"


class QuotaReservation(models.Model):
    """What one subject holds of a team's quota, from request to destruction."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="reservations")
    metric = models.CharField(max_length=40)
    amount = models.PositiveIntegerField()
    subject = models.CharField(max_length=80)
    reserved_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "metric"], condition=Q(released_at=None), name="reservation_held_once"
            )
        ]
        indexes = [models.Index(fields=["team", "metric"], condition=Q(released_at=None), name="reservation_held")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.amount} {self.metric}"


class Decision(models.Model):
    """The recorded result of judging one input by one policy bundle. Never changed."""

    subject = models.CharField(max_length=80)
    point = models.CharField(max_length=12)
    kind = models.CharField(max_length=20)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    allowed = models.BooleanField()
    findings = models.JSONField()
    passed = ArrayField(models.CharField(max_length=80))
    bundle = models.CharField(max_length=80)
    input_digest = models.CharField(max_length=80)
    micros = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "-at"], name="decision_subject"),
            models.Index(fields=["team", "-at"], name="decision_team"),
            models.Index(fields=["-at"], name="decision_at"),
        ]

    def __str__(self) -> str:
        return f"{self.point} of {self.subject}: {'allowed' if self.allowed else 'refused'}"


class ApprovalRule(models.Model):
    """Who must sign which operations, and how many. The strictest matching rule counts."""

    slug = models.SlugField(max_length=40, unique=True)
    description = models.CharField(max_length=200)
    tiers = ArrayField(models.CharField(max_length=10))
    kinds = ArrayField(models.CharField(max_length=20))
    signatures = models.PositiveSmallIntegerField()
    owning_team = models.PositiveSmallIntegerField(default=0, help_text=_("How many of them from the owning team."))
    also_from = ArrayField(
        models.SlugField(max_length=40), default=list, help_text=_("Teams whose approvers may sign too.")
    )
    lifetime_hours = models.PositiveIntegerField(default=72)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(owning_team__lte=F("signatures")), name="rule_owning_within_total")
        ]

    def __str__(self) -> str:
        return self.slug


class Verdict(models.TextChoices):
    """What a signature says."""

    APPROVE = "approve", _("Approved")
    REJECT = "reject", _("Rejected")


class Signature(models.Model):
    """One person's verdict on one digest. Only `voided_at` and `void_reason` may ever change, once."""

    subject = models.CharField(max_length=80)
    digest = models.CharField(max_length=80)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    signer = models.ForeignKey(User, models.PROTECT, related_name="signatures")
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    owning = models.BooleanField(help_text=_("Signed as a member of the owning team."))
    reason = models.TextField(blank=True)
    context = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)
    voided_at = models.DateTimeField(null=True)
    void_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(signer=F("requester")), name="signer_is_not_requester"),
            models.UniqueConstraint(
                fields=["subject", "digest", "signer"], condition=Q(voided_at=None), name="signed_once"
            ),
            models.CheckConstraint(condition=Q(verdict="approve") | ~Q(reason=""), name="rejection_has_reason"),
        ]
        indexes = [models.Index(fields=["subject", "digest"], name="signature_subject")]

    def __str__(self) -> str:
        return f"{self.signer_id} {self.verdict} {self.subject}"
