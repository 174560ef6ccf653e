"""What platform engineers say of warm pools: which, how many, when, and for how much."""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError

from audit.context import context
from catalog import parameters as schema_check
from catalog.models import Template
from policies.access.refusals import refuse
from policies.models import Service, User
from policies.permissions import Permission, may
from policies.results import Denied, FieldError, wrong_fields
from provisioning.actions.storable import storable, unstorable
from provisioning.models import WarmPool

MOST = 20


@dataclass(frozen=True)
class PoolAsk:
    """A pool as it is asked for. Days count from 0, Monday."""

    template: Template
    service: Service
    tier: str
    size: int
    budget: Decimal
    parameters: Mapping[str, Any] = field(default_factory=dict)
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    from_hour: int = 0
    to_hour: int = 24
    time_zone: str = "UTC"


def publish_pool(*, by: User, asked: PoolAsk) -> WarmPool | Denied:
    """Have a pool kept. It is filled by the next sweeps, behind everything that people ask."""
    allowed = may(by, Permission.PUBLISH_TEMPLATE, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object="pool:")
    if not storable([dict(asked.parameters), asked.time_zone, asked.tier]):
        return unstorable("parameters")
    values, errors = _checked(asked)
    if errors:
        return wrong_fields(errors)
    try:
        with context(by=by, reason="warm pool"):
            return WarmPool.objects.create(
                template=asked.template,
                service=asked.service,
                tier=asked.tier,
                parameters=values,
                size=asked.size,
                days=sorted(set(asked.days)),
                from_hour=asked.from_hour,
                to_hour=asked.to_hour,
                time_zone=asked.time_zone,
                budget=asked.budget,
                created_by=by,
            )
    except IntegrityError as error:
        if "pool_once" not in str(error):
            raise
        return Denied("pool.once", "template", "There is such a pool.", "Change its size instead.", status=409)


def resize_pool(*, by: User, pool: WarmPool, size: int) -> WarmPool | Denied:
    """Keep more or fewer; 0 empties it."""
    allowed = may(by, Permission.PUBLISH_TEMPLATE, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"pool:{pool.pk}")
    if not 0 <= size <= MOST:
        return Denied("pool.size", "size", f"Between 0 and {MOST}.", status=422)
    with context(by=by, reason="warm pool"):
        pool.size = size
        pool.save(update_fields=["size"])
    return pool


def _checked(asked: PoolAsk) -> tuple[dict[str, Any], list[FieldError]]:
    version, errors = asked.template.current, []
    if version is None:
        return {}, [FieldError("template", "template.orderable", f"{asked.template.slug} cannot be ordered.")]
    result = schema_check.check(version.parameters, dict(asked.parameters))
    errors += [FieldError(f"parameters.{e.field}", e.rule, e.message, e.fix) for e in result.errors]
    if asked.tier not in WarmPool.TIERS or asked.tier not in version.tiers:
        errors.append(FieldError("tier", "pool.tier", "A pool is for dev or test, where the template allows it."))
    if not 1 <= asked.size <= MOST:
        errors.append(FieldError("size", "pool.size", f"Between 1 and {MOST}."))
    if not asked.days or not {*asked.days} <= {*range(7)} or not 0 <= asked.from_hour < asked.to_hour <= 24:
        errors.append(FieldError("days", "pool.hours", "Days from 0 to 6 and hours in order, from 0 to 24."))
    if asked.time_zone not in zoneinfo.available_timezones():
        errors.append(FieldError("time_zone", "pool.time_zone", "It is no IANA time zone.", "Such as Europe/Berlin."))
    if not 0 < asked.budget < 10**7:
        errors.append(FieldError("budget", "pool.budget", "More than nothing, per month."))
    return dict(result.values), errors
