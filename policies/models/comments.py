"""What people say about a subject (a text reference), kept as written. Who may read it is known above."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from policies.models.people import Team, User

LONGEST = 2000


class Comment(models.Model):
    """One thing said by one person about one subject (`operation:<id>`). Never changed, never deleted."""

    subject = models.CharField(max_length=80)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.CharField(max_length=LONGEST)
    mentions = ArrayField(models.CharField(max_length=150), default=list, help_text="Usernames that it speaks to.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="comment_says_something"),
        ]
        indexes = [models.Index(fields=["subject", "at"], name="comment_subject")]

    def __str__(self) -> str:
        return f"{self.author_id} on {self.subject}"
