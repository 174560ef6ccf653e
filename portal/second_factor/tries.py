"""How many wrong codes a person may enter: five within five minutes, counted in one row that each try locks."""

from datetime import datetime, timedelta

from django.utils import timezone

from policies.models import FactorTries, User
from policies.results import Denied

MOST = 5
WINDOW = timedelta(minutes=5)


def locked_row(user: User) -> FactorTries:
    """The person's row, locked until the transaction ends; the tries that still count."""
    FactorTries.objects.get_or_create(user=user)
    row = FactorTries.objects.select_for_update().get(user=user)
    row.wrong_at = _counting(row)
    return row


def too_many(user: User) -> Denied | None:
    """Why no code is looked at now, without a lock."""
    row = FactorTries.objects.filter(user=user).first()
    return refusal_of(_counting(row)) if row else None


def refusal_of(wrong_at: list[datetime]) -> Denied | None:
    """The sentence for a person who has no try left."""
    if len(wrong_at) < MOST:
        return None
    ends = timezone.localtime(wrong_at[-MOST] + WINDOW)
    return Denied(
        rule="factor.tries",
        field="factor_code",
        reason=f"{MOST} wrong codes within {int(WINDOW.total_seconds() // 60)} minutes.",
        fix=f"Wait until {ends:%H:%M:%S}, or use a security key.",
        who="You",
        status=429,
    )


def _counting(row: FactorTries) -> list[datetime]:
    since = timezone.now() - WINDOW
    return [at for at in row.wrong_at if at > since]
