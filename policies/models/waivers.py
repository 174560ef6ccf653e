"""Waivers: granted, expiring exceptions from one rule for one object. Who may grant one is said in `waivers.py`."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from policies.models.people import Team, User

LONGEST = timedelta(days=180)
SCOPE = r"^(environment:[0-9a-f-]{36}|service:[-a-z0-9_]+|team:[-a-z0-9_]+|request:[0-9]+:[-a-z0-9_]+:[0-9a-f]{64})$"


class WaiverState(models.TextChoices):
    """How far a waiver is. Asked for and granted ones live."""

    ASKED = "asked", _("Asked for")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    ENDED = "ended", _("Ended")


class Waiver(models.Model):
    """One rule is waived for one object until `expires_at`.

    With the scope `request:<who>:<team>:<digest>` it is the override of one request, used up by `operation`.
    A trigger keeps all but the decision, the end and the notes of the clock as they were asked.
    """

    State = WaiverState

    rule = models.CharField(max_length=80)
    scope = models.CharField(max_length=160)
    label = models.CharField(max_length=120, help_text=_("What the scope is called."))
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, models.PROTECT, related_name="+", help_text=_("Who sees to it that it can end."))
    field = models.CharField(max_length=120, blank=True)
    value = models.CharField(max_length=300, blank=True)
    reason = models.TextField()
    ticket = models.CharField(max_length=200, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=WaiverState.choices, default=WaiverState.ASKED)
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(blank=True)
    operation = models.CharField(max_length=80, blank=True, help_text=_("The one operation that an override is for."))
    reminded_days = models.PositiveSmallIntegerField(null=True)
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["expires_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(decided_by=F("asked_by")), name="waiver_decided_by_another"),
            models.CheckConstraint(condition=Q(scope__regex=SCOPE), name="waiver_scope_known"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("asked_at"), expires_at__lte=F("asked_at") + LONGEST),
                name="waiver_lasts_180_days_at_most",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_has_reason"),
            models.CheckConstraint(
                condition=Q(state="asked", decided_by=None, decided_at=None, ended_at=None)
                | (Q(state="granted", ended_at=None) & Q(decided_by__isnull=False, decided_at__isnull=False))
                | (Q(state="refused") & Q(decided_by__isnull=False, decided_at__isnull=False))
                | Q(state__in=["withdrawn", "ended"], ended_at__isnull=False),
                name="waiver_state_says_who",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decision_reason=""), name="waiver_decision_says_why"
            ),
            models.CheckConstraint(
                condition=Q(operation="") | Q(scope__startswith="request:"), name="waiver_override_is_of_one_operation"
            ),
            models.UniqueConstraint(
                fields=["rule", "scope"], condition=Q(state__in=["asked", "granted"]), name="waiver_lives_once"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state__in=["asked", "granted"]), name="waiver_due"),
            models.Index(fields=["operation"], condition=~Q(operation=""), name="waiver_operation"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} for {self.label}"

    @property
    def audit_ref(self) -> str:
        return f"waiver:{self.pk}"

    @property
    def is_override(self) -> bool:
        """Is it for one request only?"""
        return self.scope.startswith("request:")
