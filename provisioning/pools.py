"""Takes a warm environment for a request, and adds up what a pool has cost. Keeping pools full is runs/pools.py's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from catalog.models import TemplateVersion
from policies.models import Service, User
from provisioning.models import Environment, Operation, WarmEnvironment, WarmPool
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E


def claim(
    *, service: Service, version: TemplateVersion, tier: str, parameters: Mapping[str, Any], name: str, owner: User
) -> Environment | None:
    """A warm environment of exactly this version and these parameters, renamed and given to its owner; None: none.

    Its resources keep the name they were made under, so that nothing has to be made again.
    Call inside an audit context. Two requests at once never get the same one, and neither waits for the other.
    """
    busy = Operation.objects.exclude(status__in=TERMINAL).values("environment")
    rows = WarmEnvironment.objects.select_for_update(of=("self", "environment"), skip_locked=True).filter(
        claimed_at=None,
        environment__service=service,
        environment__template_version=version,
        environment__tier=tier,
        environment__parameters=dict(parameters),
        environment__status=E.READY,
    )
    found = rows.exclude(environment__in=busy).select_related("environment").order_by("made_at").first()
    if found is None:
        return None
    found.claimed_at = timezone.now()
    found.save(update_fields=["claimed_at"])
    environment = found.environment
    environment.made_as, environment.name, environment.owner = environment.handle, name, owner
    environment.save(update_fields=["made_as", "name", "owner", "changed_at"])
    return environment


def waiting(pool: WarmPool) -> list[WarmEnvironment]:
    """Those nobody has claimed and that still exist, oldest first."""
    rows = pool.members.filter(claimed_at=None).exclude(environment__status=E.DESTROYED)
    return list(rows.select_related("environment__template_version").order_by("made_at"))


def spent(pool: WarmPool, now: datetime) -> Decimal:
    """What those of the pool have cost since the month began, while they waited."""
    begin = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    open_since = Q(claimed_at=None) | Q(claimed_at__gt=begin)
    rows = pool.members.filter(open_since).exclude(environment__destroyed_at__lte=begin).select_related("environment")
    total = Decimal(0)
    for row in rows:
        ends = [now, *(at for at in (row.claimed_at, row.environment.destroyed_at) if at is not None)]
        hours = Decimal(int((min(ends) - max(row.made_at, begin)).total_seconds())) / 3600
        total += max(hours, Decimal(0)) * row.rate
    return total.quantize(Decimal("0.01"))
