"""When changes may run: windows with their occurrences, stopped lines, switches. Who is held by them lives above."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models.people import Service, check_zone

LONGEST = timedelta(days=366)
SHORTEST_SWITCH = timedelta(minutes=1)
LONGEST_SWITCH = timedelta(days=7)


class Effect(models.TextChoices):
    """What a window does while it lasts."""

    FREEZE = "freeze", _("Freeze")
    ALLOW = "allow", _("Allow")


class Running(models.TextChoices):
    """What becomes of an operation that has begun when its window closes."""

    FINISH = "finish", _("May finish")
    HOLD = "hold", _("Is held after its present step")


class Window(models.Model):
    """A recurring time in which matching changes may not begin (freeze), or outside which they may not (allow).

    Start and length are read from the wall clock of `time_zone`. An empty list of a scope stands for any.
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    effect = models.CharField(max_length=6, choices=Effect.choices)
    rrule = models.CharField(max_length=200, help_text=_("RFC 5545, as FREQ=WEEKLY;BYDAY=FR."))
    starts_on = models.DateField(help_text=_("The day of the first one."))
    starts_at = models.TimeField(help_text=_("The time of day at which each begins, unless the rule names hours."))
    duration = models.DurationField()
    time_zone = models.CharField(max_length=64, validators=[check_zone])
    tiers = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    teams = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    services = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    running = models.CharField(max_length=6, choices=Running.choices, default=Running.FINISH)
    reason = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    known_until = models.DateTimeField(help_text=_("Until when its occurrences are written down."))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-active", "slug"]
        constraints = [
            models.CheckConstraint(condition=Q(effect__in=Effect.values), name="window_effect_known"),
            models.CheckConstraint(condition=Q(running__in=Running.values), name="window_running_known"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(name=""), name="window_says_why"),
            models.CheckConstraint(
                condition=Q(duration__gt=timedelta(0), duration__lte=LONGEST), name="window_lasts_at_most_a_year"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        return f"window:{self.pk}"


class WindowOccurrence(models.Model):
    """One time at which a window lasts. Derived from the window, never written by hand."""

    window = models.ForeignKey(Window, models.CASCADE, related_name="occurrences")
    during = DateTimeRangeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(during__isempty=False), name="window_occurrence_lasts"),
        ]
        indexes = [GistIndex(fields=["during"], name="window_occurrence_during")]

    def __str__(self) -> str:
        return f"{self.window_id} {self.during}"


class Stop(models.Model):
    """A stopped line: of one service, or of everything. A second person lifts it."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="stops", null=True)
    reason = models.CharField(max_length=200)
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    stopped_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-stopped_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"], condition=Q(lifted_at=None), nulls_distinct=False, name="stopped_once"
            ),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None) | Q(lifted_by__isnull=False, lifted_at__isnull=False),
                name="stop_lifted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(lifted_by=None) | ~Q(lifted_by=F("stopped_by")), name="stop_lifted_by_another"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="stop_says_why"),
        ]

    def __str__(self) -> str:
        return f"stop of {self.service.slug if self.service else 'everything'}"

    @property
    def ref(self) -> str:
        return f"stop:{self.pk}"


class SwitchName(models.TextChoices):
    """What can be switched off."""

    PROVISIONING = "provisioning", _("Provisioning is paused")
    SCHEDULES = "schedules", _("Schedules are paused")
    NOTIFICATIONS = "notifications", _("Notifications are paused")
    RECONCILE = "reconcile", _("Automatic reconciling is paused")
    READ_ONLY = "read_only", _("Berth is read-only")


class Switch(models.Model):
    """One use of a switch, with its planned end, at which it ends by itself."""

    name = models.CharField(max_length=16, choices=SwitchName.choices)
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-began_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(ended_at=None), name="switch_used_once"),
            models.CheckConstraint(condition=Q(name__in=SwitchName.values), name="switch_known"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("began_at")) & Q(ends_at__lte=F("began_at") + LONGEST_SWITCH),
                name="switch_has_a_near_end",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="switch_says_why"),
        ]

    def __str__(self) -> str:
        return str(SwitchName(self.name).label)

    @property
    def ref(self) -> str:
        return f"switch:{self.pk}"
