"""Why an operation does not go to its signers for now: a question to its requester, or sent back to be changed."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models import Team
from provisioning.models.operations import Operation


class Hold(models.Model):
    """One question or one return of one plan. Only its end may ever be written, once."""

    class Kind(models.TextChoices):
        QUESTION = "question", _("Asked for information")
        BACK = "back", _("Sent back")

    class Ending(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        EDITED = "edited", _("Changed")
        RESUMED = "resumed", _("Taken up again")
        ENDED = "ended", _("Ended with the operation")

    operation = models.ForeignKey(Operation, models.PROTECT, related_name="holds")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    digest = models.CharField(max_length=80)
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    left_seconds = models.PositiveIntegerField(null=True, help_text="What was left to sign it in.")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    ending = models.CharField(max_length=8, choices=Ending.choices, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation"], condition=Q(ended_at=None), name="held_once"),
            models.CheckConstraint(condition=~Q(text=""), name="hold_says_why"),
            models.CheckConstraint(condition=Q(kind__in=["question", "back"]), name="hold_kind_known"),
            models.CheckConstraint(condition=~Q(by=F("requester")), name="holder_is_not_requester"),
            models.CheckConstraint(
                condition=Q(ended_at=None, ending="", ended_by=None, answer="")
                | Q(ended_at__isnull=False, ending="ended", ended_by=None, answer="")
                | Q(ended_at__isnull=False, ending="resumed", ended_by__isnull=False)
                | Q(ended_at__isnull=False, ending__in=["answered", "edited"], ended_by=F("requester")),
                name="hold_ends_whole",
            ),
            models.CheckConstraint(condition=~Q(ending="answered") | ~Q(answer=""), name="answer_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.operation_id} by {self.by_id}"
