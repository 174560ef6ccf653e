"""Custom roles, grants, impersonations and access reviews. Who may give them is `policies.access`'s question."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from policies.models.people import CustomRole, Organisation, Role, Service, Team, User
from policies.rights import Permission

LONGEST_LOOK = timedelta(minutes=30)


class Effect(models.TextChoices):
    """What a grant does; a denial beats every allowance."""

    ALLOW = "allow", _("Allow")
    DENY = "deny", _("Deny")


class AccessGrant(models.Model):
    """A role or a right of one person within one scope, given or denied, between two moments. Only revoked, once."""

    user = models.ForeignKey(User, models.PROTECT, related_name="grants")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+", null=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="grants", null=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="grants", null=True)
    role = models.CharField(max_length=12, choices=Role.choices, blank=True)
    custom = models.ForeignKey(CustomRole, models.PROTECT, related_name="grants", null=True)
    permission = models.CharField(max_length=24, blank=True)
    effect = models.CharField(max_length=5, choices=Effect.choices, default=Effect.ALLOW)
    starts_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True, help_text=_("It ends by itself then; empty: when it is revoked."))
    reason = models.CharField(max_length=300)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(granted_by=F("user")), name="grant_not_to_oneself"),
            models.CheckConstraint(
                condition=Q(effect="allow") | Q(revoked_by=None) | ~Q(revoked_by=F("user")),
                name="grant_denial_not_lifted_by_oneself",
            ),
            models.CheckConstraint(
                condition=Q(organisation__isnull=False, team=None, service=None)
                | Q(organisation=None, team__isnull=False, service=None)
                | Q(organisation=None, team=None, service__isnull=False),
                name="grant_one_scope",
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values, custom=None, permission="")
                | Q(role="", custom__isnull=False, permission="")
                | Q(role="", custom=None, permission__in=[right.value for right in Permission]),
                name="grant_one_matter",
            ),
            models.CheckConstraint(condition=Q(effect__in=Effect.values), name="grant_effect_known"),
            models.CheckConstraint(condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="grant_ends_later"),
            models.CheckConstraint(condition=~Q(reason=""), name="grant_has_reason"),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(revoked_at=None), name="grant_of_user"),
            models.Index(fields=["team"], condition=Q(revoked_at=None), name="grant_in_team"),
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.matter} on {self.where} to {self.user_id}"

    @property
    def matter(self) -> str:
        """The role or the right."""
        return self.role or self.permission or str(self.custom)

    @property
    def where(self) -> str:
        """The scope in words."""
        return str(self.organisation or self.team or self.service)


class Impersonation(models.Model):
    """A platform engineer looks, read-only, as somebody else; it ends by itself. Kept for ever."""

    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    subject = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    started_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(actor=F("subject")), name="impersonation_of_another"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("started_at"), ends_at__lte=F("started_at") + LONGEST_LOOK),
                name="impersonation_short",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="impersonation_has_reason"),
            models.UniqueConstraint(fields=["actor"], condition=Q(ended_at=None), name="impersonation_one_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_id} as {self.subject_id}"


class AccessReview(models.Model):
    """One quarter's question to one team's owners: shall each of these rights stay?"""

    team = models.ForeignKey(Team, models.PROTECT, related_name="reviews")
    period = models.CharField(max_length=7)
    opened_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at", "team__name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "period"], name="review_once_a_quarter"),
            models.CheckConstraint(condition=Q(period__regex=r"^[0-9]{4}-Q[1-4]$"), name="review_period_is_quarter"),
        ]

    def __str__(self) -> str:
        return f"{self.period} of {self.team}"


class ReviewItem(models.Model):
    """One right under review, as it was found; decided once, never by the person who holds it."""

    review = models.ForeignKey(AccessReview, models.PROTECT, related_name="items")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    subject = models.CharField(max_length=40, help_text="membership:<id> or accessgrant:<id>")
    what = models.CharField(max_length=200)
    decision = models.CharField(max_length=10, blank=True, choices=[("confirmed", "Confirmed"), ("revoked", "Revoked")])
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["user__full_name", "what", "id"]
        constraints = [
            models.UniqueConstraint(fields=["review", "subject"], name="review_item_once"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("user")), name="review_item_not_of_oneself"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None)
                | Q(decision__in=["confirmed", "revoked"], decided_by__isnull=False, decided_at__isnull=False),
                name="review_item_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.decision or 'open'}"
