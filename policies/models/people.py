"""Users, organisations, teams, services and who holds which role in which team."""

import zoneinfo
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.rights import Permission


def check_zone(name: str) -> None:
    """Refuse a name that is not an IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not a time zone. Use a name such as Europe/Stockholm."), params={"name": name}
        )


class User(AbstractUser):
    """A person, or a service account. Global roles are the two flags; everything else is a Membership."""

    last_login = None  # sign-ins are events of the history
    full_name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_zone])
    is_auditor = models.BooleanField(
        default=False, help_text=_("Reads everything and the whole history, changes nothing.")
    )
    is_platform = models.BooleanField(default=False, help_text=_("Publishes templates and policies, sees every team."))
    factors_reset_at = models.DateTimeField(null=True, help_text=_("Set until the person has read of the reset."))

    is_service = models.BooleanField(default=False, help_text=_("A machine: acts with tokens only, never signs."))
    owning_team = models.ForeignKey(
        "policies.Team", models.PROTECT, related_name="service_accounts", null=True, help_text=_("Of a machine only.")
    )
    left_at = models.DateTimeField(null=True)

    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(is_service=False, owning_team=None)
                | Q(
                    is_service=True,
                    owning_team__isnull=False,
                    is_platform=False,
                    is_auditor=False,
                    is_staff=False,
                    is_superuser=False,
                ),
                name="service_account_is_a_teams",
            ),
            models.CheckConstraint(condition=Q(left_at=None) | Q(is_active=False), name="who_left_is_inactive"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    @property
    def audit_ref(self) -> str:
        return f"user:{self.pk}"

    @property
    def audit_label(self) -> str:
        return str(self)


class Organisation(models.Model):
    """The outermost owner: one company."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """Who owns services and environments and pays for them."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="teams")
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    cost_centre = models.CharField(max_length=40)

    class Meta:
        ordering = ["name"]
        permissions = [("operate_team", "May request and operate environments of this team without being a member")]

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """A deployable thing that a team owns."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="services")
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    repository = models.CharField(max_length=200, blank=True)
    on_call = models.CharField(max_length=120, blank=True)
    runbook_url = models.URLField(blank=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Role(models.TextChoices):
    """Team roles, each including the ones before it except that an approver is no developer by itself."""

    VIEWER = "viewer", _("Viewer")
    DEVELOPER = "developer", _("Developer")
    APPROVER = "approver", _("Approver")
    OWNER = "owner", _("Owner")


class CustomRole(models.Model):
    """A named set of rights of the organisation's own making, held like a built-in role."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    permissions = ArrayField(models.CharField(max_length=24))

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(permissions__contained_by=[right.value for right in Permission]) & ~Q(permissions__len=0),
                name="custom_role_rights_known",
            ),
            models.CheckConstraint(condition=~Q(slug__in=Role.values), name="custom_role_is_not_built_in"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role, built-in or custom, of one person in one team; a person may hold several."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices, blank=True, help_text=_("Empty for a custom role."))
    custom = models.ForeignKey(CustomRole, models.PROTECT, related_name="memberships", null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user", "role"], condition=~Q(role=""), name="membership_once"),
            models.UniqueConstraint(
                fields=["team", "user", "custom"], condition=Q(role=""), name="membership_custom_once"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values, custom=None) | Q(role="", custom__isnull=False),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.held} of {self.team}"

    @property
    def held(self) -> str:
        """The slug of the role it is."""
        return self.role or (self.custom.slug if self.custom else "")
