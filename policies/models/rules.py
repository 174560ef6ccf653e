"""Recorded decisions, approval rules and signatures. Subjects are text references (`operation:<id>`)."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from policies.models.people import Team, User


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


class OnExpiry(models.TextChoices):
    """What happens when nobody signs in time."""

    REJECT = "reject", _("It expires, as if rejected")
    ESCALATE = "escalate", _("More people are asked, once")


def _slugs() -> Any:
    return ArrayField(models.SlugField(max_length=40), default=list, blank=True)


class ApprovalRule(models.Model):
    """Which operations its steps hold for. An empty criterion matches anything; all others must match."""

    slug = models.SlugField(max_length=40, unique=True)
    description = models.CharField(max_length=200)
    tiers = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    templates = _slugs()
    teams = _slugs()
    services = _slugs()
    cost_delta = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text=_("At least so much more an hour.")
    )
    findings = ArrayField(
        models.CharField(max_length=80), default=list, blank=True, help_text=_("Rule ids, any:warn or any:waived.")
    )
    outside_window = models.BooleanField(default=False, help_text=_("Only while no window is open."))
    lifetime_hours = models.PositiveIntegerField(default=72)
    on_expiry = models.CharField(max_length=8, choices=OnExpiry.choices, default=OnExpiry.REJECT)
    escalate_teams = _slugs()
    escalate_people = ArrayField(models.CharField(max_length=150), default=list, blank=True)
    remind_hours = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(lifetime_hours__gte=1), name="rule_lives_an_hour"),
            models.CheckConstraint(condition=Q(on_expiry__in=OnExpiry.values), name="rule_expiry_known"),
            models.CheckConstraint(
                condition=~Q(on_expiry="escalate") | ~Q(escalate_teams=[], escalate_people=[]),
                name="rule_escalates_to_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class RuleStep(models.Model):
    """One step of a rule: how many sign, who may, and of whom at least some. Same position: side by side."""

    rule = models.ForeignKey(ApprovalRule, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=40, default="Approval")
    quorum = models.PositiveSmallIntegerField(default=1)
    owning = models.BooleanField(default=True, help_text=_("Approvers of the owning team may sign."))
    owning_least = models.PositiveSmallIntegerField(default=0, help_text=_("How many at least of the owning team."))
    teams = _slugs()
    roles = ArrayField(
        models.CharField(max_length=82),
        default=list,
        blank=True,
        help_text=_("Holders of a role: owner or owner@team."),
    )
    groups = _slugs()
    editable = ArrayField(
        models.CharField(max_length=80), default=list, blank=True, help_text=_("Parameters its signers may change.")
    )

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "position", "name"], name="rule_step_once"),
            models.CheckConstraint(condition=Q(position__gte=1, quorum__gte=1), name="rule_step_counts"),
            models.CheckConstraint(condition=Q(owning_least__lte=F("quorum")), name="rule_owning_within_total"),
            models.CheckConstraint(condition=Q(owning_least=0) | Q(owning=True), name="rule_owning_may_sign"),
            models.CheckConstraint(condition=Q(groups__contained_by=F("teams")), name="rule_groups_may_sign"),
            models.CheckConstraint(condition=Q(owning=True) | ~Q(teams=[], roles=[]), name="rule_step_has_signers"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"


class Verdict(models.TextChoices):
    """What a signature says."""

    APPROVE = "approve", _("Approved")
    REJECT = "reject", _("Rejected")


class Signature(models.Model):
    """One person's verdict on one digest. Only `voided_at` and `void_reason` may ever change, once.

    `step` is the key of the step it is given in, `groups` what the person stood for there; `on_behalf_of` names the
    absent person whose right was used.
    """

    subject = models.CharField(max_length=80)
    digest = models.CharField(max_length=80)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    signer = models.ForeignKey(User, models.PROTECT, related_name="signatures")
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    step = models.CharField(max_length=46, default="1:Approval")
    groups = ArrayField(models.CharField(max_length=160), default=list)
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
            models.CheckConstraint(condition=~Q(on_behalf_of=F("requester")), name="requester_is_not_stood_for"),
            models.CheckConstraint(condition=~Q(on_behalf_of=F("signer")), name="nobody_stands_for_themselves"),
            models.UniqueConstraint(fields=["subject", "signer"], condition=Q(voided_at=None), name="signed_once"),
            models.UniqueConstraint(
                F("subject"),
                Coalesce("on_behalf_of", "signer"),
                condition=Q(voided_at=None),
                name="signed_once_with_one_right",
            ),
            models.CheckConstraint(condition=Q(verdict="approve") | ~Q(reason=""), name="rejection_has_reason"),
        ]
        indexes = [models.Index(fields=["subject", "digest"], name="signature_subject")]

    def __str__(self) -> str:
        return f"{self.signer_id} {self.verdict} {self.subject}"
