"""What the queue remembers beside the operations: whose turn was last, which targets answer, which pools have workers.

All of it is scheduling state, not a record: what opens or closes a breaker is an event of the history.
"""

from django.db import models
from django.db.models import Q

from policies.models import Team
from provisioning.models.targets import Target


class TeamTurn(models.Model):
    """The fence of a team's last claim; the team with the oldest goes first."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="+")
    turn = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.team_id}: {self.turn}"


class Breaker(models.Model):
    """Failures in a row of one target, or with `target` null of a driver's own place. No row: it answers.

    `opened_at` is since when it is open; until `probe_at` nothing is tried, then one operation at a time: `probe`.
    """

    driver = models.CharField(max_length=20)
    target = models.OneToOneField(Target, models.CASCADE, related_name="breaker", null=True)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    probe_at = models.DateTimeField(null=True)
    probe = models.ForeignKey("provisioning.Operation", models.SET_NULL, related_name="+", null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["driver"], condition=Q(target=None), name="breaker_of_driver_once"),
            models.CheckConstraint(
                condition=Q(opened_at=None, probe_at=None) | Q(opened_at__isnull=False, probe_at__isnull=False),
                name="breaker_open_says_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place}: {self.failures}"

    @property
    def place(self) -> str:
        """What it guards, in words."""
        return f"target {self.target.slug}" if self.target else f"the {self.driver} driver's own place"


class Pool(models.Model):
    """When a worker of this tag was last there. "" is the pool of workers without a tag."""

    tag = models.CharField(max_length=40, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.tag
