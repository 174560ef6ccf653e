"""API tokens and one-time sign-in links. Only SHA-256 hashes of the values are kept."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from policies.models.people import User


class ApiToken(models.Model):
    """A person's token: rights are its scopes ∩ what its owner may do at the time of use."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    replaces = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="replaced_by", help_text="The token it was rotated from."
    )
    factor_at = models.DateTimeField(null=True, help_text="When the second factor was entered that it carries.")
    factor = models.BigIntegerField(null=True, help_text="The factor, as long as it exists.")

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(factor_at=None, factor=None)
                | models.Q(factor_at__isnull=False, factor__isnull=False, factor_at__lte=models.F("created_at")),
                name="token_factor_entered_before",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="token_expires_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class ApiTokenUse(models.Model):
    """When a token was last used, written at most once a minute, outside the history."""

    token = models.OneToOneField(ApiToken, models.CASCADE, primary_key=True, related_name="use")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.token_id} at {self.at}"


class SignInLink(models.Model):
    """A link that signs one person in, once, within its time."""

    user = models.ForeignKey(User, models.CASCADE, related_name="signin_links")
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link for {self.user_id}"
