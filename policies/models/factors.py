"""Where a second factor is required, and what was tried of late. The factors themselves are rows of allauth.mfa."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.models.people import User


class Purpose(models.TextChoices):
    """The acts for which a second factor can be required."""

    SIGN_PROD = "sign_prod", _("Sign plans of prod")
    BREAK_GLASS = "break_glass", _("Break the glass")
    REVEAL = "reveal", _("Reveal a secret")
    MINT_TOKEN = "mint_token", _("Make an API token")


class FactorRule(models.Model):
    """Whether one act needs a second factor, and how long ago it may have been entered. No row: the default."""

    purpose = models.CharField(max_length=20, choices=Purpose.choices, unique=True)
    required = models.BooleanField()
    max_age_seconds = models.PositiveIntegerField(default=900)
    tokens = models.BooleanField(
        default=False, help_text=_("A token made under a second factor counts for as long as it lives.")
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="factor_purpose_known"),
            models.CheckConstraint(
                condition=Q(max_age_seconds__gte=60, max_age_seconds__lte=43200), name="factor_age_sensible"
            ),
            models.CheckConstraint(
                condition=~Q(purpose=Purpose.BREAK_GLASS) | Q(required=True, max_age_seconds__lte=900, tokens=False),
                name="factor_break_glass_always_fresh",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}: {'required' if self.required else 'not required'}"


class FactorTries(models.Model):
    """A person's wrong codes of late and the last time step that was spent. One row, locked for each try."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    wrong_at = ArrayField(models.DateTimeField(), default=list)
    totp_step = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id}: {len(self.wrong_at)} wrong"
