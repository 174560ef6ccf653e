"""The six tiers, ordered, and what a tier means for lifetime. Nothing about people or policy."""

from django.db.models import TextChoices


class Tier(TextChoices):
    """The stage an environment belongs to, lowest first."""

    SANDBOX = "sandbox", "sandbox"
    PREVIEW = "preview", "preview"
    DEV = "dev", "dev"
    TEST = "test", "test"
    STAGE = "stage", "stage"
    PROD = "prod", "prod"


ORDER: tuple[str, ...] = tuple(Tier.values)
PROD_LIKE = frozenset({Tier.STAGE, Tier.PROD})


def rank(tier: str) -> int:
    """0 for sandbox … 5 for prod."""
    return ORDER.index(tier)
