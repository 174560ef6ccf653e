"""How long an environment lives: TTL per template version and tier, maximum counted from creation. Pure."""

from datetime import datetime, timedelta

from catalog.models import TemplateVersion
from policies.results import Denied


def longest(version: TemplateVersion, tier: str, created: datetime) -> datetime | None:
    """The last moment an environment may live to, or None."""
    hours = version.ttl_max_hours(tier)
    return None if hours is None else created + timedelta(hours=hours)


def expiry(*, start: datetime, ttl_hours: int | None, at_most: datetime | None) -> datetime | None:
    """When it expires: TTL from start, never later than the maximum."""
    if ttl_hours is None:
        return None
    wanted = start + timedelta(hours=ttl_hours)
    return wanted if at_most is None else min(wanted, at_most)


def extended(*, expires: datetime | None, hours: int, now: datetime, at_most: datetime | None) -> datetime | Denied:
    """The new expiry after an extension by `hours`, or why not."""
    if expires is None:
        return Denied("ttl.none", "hours", "It does not expire, so there is nothing to extend.", status=409)
    if not 1 <= hours <= 24 * 90:
        return Denied(
            "ttl.hours",
            "hours",
            f"Between 1 and {24 * 90} hours, not {hours}.",
            "Extend again later.",
            status=422,
        )
    wanted = max(expires, now) + timedelta(hours=hours)
    if at_most is not None and wanted > at_most:
        left = max(timedelta(), at_most - max(expires, now))
        return Denied(
            rule="ttl.maximum",
            field="hours",
            reason=f"It may live until {at_most:%Y-%m-%d %H:%M} UTC at most, counted from its creation.",
            fix=f"Extend by at most {int(left.total_seconds() // 3600)} hours, or request a new environment.",
            status=422,
        )
    return wanted


def wrong_end(at: datetime, *, expires: datetime | None, now: datetime, at_most: datetime | None) -> Denied | None:
    """Why a lifetime cannot end at this moment, or None when it can."""
    if expires is None:
        return Denied("ttl.none", "expires_at", "It does not expire, so there is no lifetime to change.", status=409)
    if at < now:
        return Denied("ttl.past", "expires_at", "The moment lies in the past.", "Choose one from now on.", status=422)
    if at_most is not None and at > at_most:
        return Denied(
            rule="ttl.maximum",
            field="expires_at",
            reason=f"It may live until {at_most:%Y-%m-%d %H:%M} UTC at most, counted from its creation.",
            fix="Choose an earlier moment, or request a new environment.",
            status=422,
        )
    return None
