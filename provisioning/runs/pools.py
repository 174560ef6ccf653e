"""Keeps warm pools as full as they shall be: old ones go, new ones come, one at a time and behind everybody else.

Idempotent: rows decide, beat only ticks it. A pool that is not filled says why.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from audit.context import context
from catalog.pricing import price
from policies import stops
from provisioning import holdings, targets
from provisioning.actions.change import Ask, draft_for, enqueue
from provisioning.facts import Draft
from provisioning.holdings import Full
from provisioning.judging import Judgement, judge_draft
from provisioning.models import Environment, Operation, WarmEnvironment, WarmPool
from provisioning.own_kinds import CREATE, DESTROY
from provisioning.pools import spent, waiting
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

BY = "system:pools"
ORIGIN = "pool"
PAUSE_AFTER_FAILURE = timedelta(minutes=10)
_GONE_WRONG = frozenset({S.FAILED, S.DENIED, S.REJECTED, S.EXPIRED, S.CANCELLED, S.ROLLED_BACK})


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Do for each pool what is due. Safe to run twice at once."""
    moment, made, removed = now or timezone.now(), 0, 0
    if stops.is_on(*stops.PAUSES_SCHEDULES):
        return {"made": 0, "removed": 0}
    for pk in WarmPool.objects.values_list("pk", flat=True):
        with context(by=BY, reason="warm pool"):
            rows = WarmPool.objects.select_for_update(of=("self",), skip_locked=True)
            pool = rows.select_related("template__current", "service__team", "created_by").filter(pk=pk).first()
            if pool is None:
                continue
            removed += _remove_unfit(pool, moment)
            made += _fill(pool, moment)
    return {"made": made, "removed": removed}


def _remove_unfit(pool: WarmPool, now: datetime) -> int:
    """Those of another version, beyond the size or outside the hours are destroyed; and claims that came to nothing."""
    members = waiting(pool)
    fit = [row for row in members if _is_fit(pool, row)]
    keep = {row.pk for row in fit[: pool.size if pool.is_open(now) else 0]}
    lost = pool.members.filter(claimed_at__isnull=False, environment__status=E.READY).select_related("environment")
    unfit = [row for row in members if row.pk not in keep] + [row for row in lost if _came_to_nothing(row)]
    return sum(_ask_destroy(row.environment) for row in unfit)


def _is_fit(pool: WarmPool, row: WarmEnvironment) -> bool:
    environment = row.environment
    usable = environment.status in {E.REQUESTED, E.CREATING, E.READY}
    return usable and environment.template_version_id == pool.template.current_id


def _came_to_nothing(row: WarmEnvironment) -> bool:
    """Was the claim refused or cancelled before it began? Then nobody has the environment."""
    last = Operation.objects.filter(environment=row.environment, kind="claim").order_by("-created_at").first()
    return last is not None and last.status in _GONE_WRONG and last.plan_locked_at is None


def _ask_destroy(environment: Environment) -> bool:
    if environment.status not in DESTROY.starts_from:
        return False
    if Operation.objects.filter(environment=environment).exclude(status__in=TERMINAL).exists():
        return False
    ask = Ask(environment=environment, kind="destroy", reason="the warm pool has no use for it", origin=ORIGIN)
    judgement = judge_draft(draft_for(None, ask), point="request")
    if not judgement.ruling.allowed:
        return False
    enqueue(by=None, kind=DESTROY, ask=ask, judgement=judgement)
    return True


def _fill(pool: WarmPool, now: datetime) -> int:
    """Make one more if one is missing, and say why not otherwise. One at a time, so that it never floods the queue."""
    if len(waiting(pool)) >= pool.size or not pool.is_open(now):
        return _say(pool, "")
    reason = _why_not(pool, now)
    if reason:
        return _say(pool, reason)
    _say(pool, "")
    return _make(pool)


def _why_not(pool: WarmPool, now: datetime) -> str:
    version = pool.template.current
    if version is None or pool.template.state == "retired":
        return f"{pool.template.slug} cannot be ordered now."
    rate = price(version, pool.parameters).running
    if spent(pool, now) + rate > pool.budget:
        return f"Its budget of {pool.budget} for this month is used up."
    failed = Operation.objects.filter(
        environment__warm__pool=pool, origin=ORIGIN, kind="create", status__in=_GONE_WRONG
    )
    if failed.filter(finished_at__gt=now - PAUSE_AFTER_FAILURE).exists():
        return "The last one could not be made; it is tried again ten minutes later."
    return ""


def _say(pool: WarmPool, reason: str) -> int:
    if pool.blocked != reason:
        pool.blocked = reason
        pool.save(update_fields=["blocked"])
    return 0


def _make(pool: WarmPool) -> int:
    version = pool.template.current
    if version is None or any(row.environment.status in {E.REQUESTED, E.CREATING} for row in waiting(pool)):
        return 0
    draft = Draft(
        kind="create",
        name=f"warm-{uuid.uuid4().hex[:12]}",
        tier=pool.tier,
        service=pool.service,
        version=version,
        parameters=pool.parameters,
        owner=pool.created_by,
        ttl_hours=version.ttl_hours(pool.tier),
        requester=None,
    )
    judgement = judge_draft(draft, point="request")
    if not judgement.ruling.allowed:
        return _say(pool, f"Policy refuses it: {judgement.ruling.findings[0].message}"[:300])
    return _write(pool, draft, judgement)


def _write(pool: WarmPool, draft: Draft, judgement: Judgement) -> int:
    try:
        with transaction.atomic():
            environment = _hold(pool, draft)
    except Full as full:
        return _say(pool, f"{full.short[0].quota.scope} has no room for another environment.")
    WarmEnvironment.objects.create(environment=environment, pool=pool, rate=environment.rate_running)
    arguments = {"parameters": dict(pool.parameters), "ttl_hours": draft.ttl_hours}
    ask = Ask(environment=environment, kind="create", arguments=arguments, reason="warm pool", origin=ORIGIN)
    enqueue(by=None, kind=CREATE, ask=ask, judgement=judgement)
    return 1


def _hold(pool: WarmPool, draft: Draft) -> Environment:
    rates, team = price(draft.version, draft.parameters), pool.service.team
    environment = Environment.objects.create(
        name=draft.name,
        service=pool.service,
        team=team,
        tier=pool.tier,
        owner=pool.created_by,
        template_version=draft.version,
        driver=draft.version.driver,
        target=targets.of_version(draft.version),
        parameters=dict(pool.parameters),
        cost_centre=team.cost_centre,
        rate_running=rates.running,
        rate_suspended=rates.suspended,
        currency=rates.currency,
    )
    short = holdings.reserve(environment)
    if short:
        raise Full(short)
    return environment
