"""Which pools have a worker. A worker says so while it looks for work; when none has for a while, pages say that."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from provisioning.models import Pool

EVERY_SECONDS = 5.0
GONE_AFTER = timedelta(seconds=30)
_SEEN = """
INSERT INTO provisioning_pool AS p (tag, seen_at) SELECT tag, now() FROM unnest(%s::text[]) AS tag
ON CONFLICT (tag) DO UPDATE SET seen_at = excluded.seen_at WHERE p.seen_at < excluded.seen_at - interval '2 seconds'
"""
_told: dict[str, float] = {}


def tell() -> None:
    """This process serves its pools. Writes at most every few seconds."""
    now = time.monotonic()
    if now - _told.get("at", -EVERY_SECONDS) < EVERY_SECONDS:
        return
    _told["at"] = now
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [list(settings.BERTH.pools)])


def last_seen(tag: str) -> datetime | None:
    """When a worker of the pool was last there; None: never."""
    return Pool.objects.filter(tag=tag).values_list("seen_at", flat=True).first()


def served() -> list[str]:
    """The pools that have a worker now."""
    return sorted(Pool.objects.filter(seen_at__gt=timezone.now() - GONE_AFTER).values_list("tag", flat=True))


def pools() -> list[tuple[str, datetime]]:
    """Every pool that ever had a worker, with when one was last there."""
    return list(Pool.objects.order_by("tag").values_list("tag", "seen_at"))
