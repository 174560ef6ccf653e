"""A template's warm pools as its page shows them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.models import Template
from policies.models import User
from provisioning import pools
from provisioning.models import WarmPool
from provisioning.selectors import pools_visible_to

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class PoolRow:
    """One pool: how many wait ready of how many wanted, and what they cost this month."""

    pool: WarmPool
    ready: int
    coming: int
    spent: Decimal
    when: str


def rows(viewer: User, template: Template, now: datetime) -> list[PoolRow]:
    """The pools that the viewer may see."""
    found = []
    for pool in pools_visible_to(viewer).filter(template=template):
        waiting = pools.waiting(pool)
        ready = sum(row.environment.status == "ready" for row in waiting)
        found.append(PoolRow(pool, ready, len(waiting) - ready, pools.spent(pool, now), _when(pool)))
    return found


def _when(pool: WarmPool) -> str:
    days = ", ".join(DAYS[day] for day in pool.days)
    return f"{days} {pool.from_hour:02d}–{pool.to_hour:02d} {pool.time_zone}"
