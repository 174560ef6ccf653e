"""Standing in for an absent signer, and going ahead without signatures in an emergency. Signatures are in rules.py."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from policies.models.people import Team, User

START_WITHIN = timedelta(minutes=15)


class Delegation(models.Model):
    """`to` may sign where `of` could, for a while; with `team`, only what that team owns. Never a right of its own."""

    of = models.ForeignKey(User, models.PROTECT, related_name="delegations_given")
    to = models.ForeignKey(User, models.PROTECT, related_name="delegations_held")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(of=F("to")), name="delegation_to_another"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_after_start"),
            models.CheckConstraint(condition=~Q(reason=""), name="delegation_has_reason"),
        ]
        indexes = [models.Index(fields=["to", "ends_at"], condition=Q(ended_at=None), name="delegation_held")]

    def __str__(self) -> str:
        return f"{self.to_id} for {self.of_id} until {self.ends_at:%Y-%m-%d}"


class BrokenGlass(models.Model):
    """One emergency: who did without signatures, why, until when it must begin, and the review that must follow."""

    subject = models.CharField(max_length=80)
    digest = models.CharField(max_length=80)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    breaker = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.TextField()
    missing = models.JSONField(default=list)
    at = models.DateTimeField()
    start_by = models.DateTimeField()
    reviewer = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="glass_has_reason"),
            models.CheckConstraint(
                condition=Q(start_by__gt=F("at")) & Q(start_by__lte=F("at") + START_WITHIN), name="glass_starts_soon"
            ),
            models.CheckConstraint(
                condition=Q(reviewer=None, reviewed_at=None, review="")
                | (Q(reviewer__isnull=False, reviewed_at__isnull=False) & ~Q(review="")),
                name="glass_review_whole",
            ),
            models.CheckConstraint(
                condition=~Q(reviewer=F("breaker")) & ~Q(reviewer=F("requester")), name="glass_reviewed_by_another"
            ),
        ]
        indexes = [
            models.Index(fields=["-at"], condition=Q(reviewed_at=None), name="glass_to_review"),
            models.Index(fields=["subject", "digest"], name="glass_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} without signatures by {self.breaker_id}"
