"""Rows that several pages show: environments with state, cost and expiry; operations under way; teams."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from policies.models import Team, User
from policies.permissions import Permission, teams_with
from portal.presenters.waiting import Waits, waits_on
from portal.templatetags.berth_words import roughly
from provisioning import kinds
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

HOUR = Decimal(3600)
_LOOK = {E.CHANGING: "applying"}
_OPERATION_LOOK = {S.RUNNING: "applying"}
_STEP_TONES = {"done": "ok", "running": "run", "failed": "bad", "undone": "warn", "left": "warn"}
_RUNS = frozenset({E.READY, E.CHANGING, E.DESTROYING, E.FAILED})


@dataclass(frozen=True)
class EnvironmentRow:
    """One environment as a list shows it."""

    environment: Environment
    status: str
    expires_soon: bool
    cost: Decimal
    waits: Waits | None = None


def look(environment: Environment, now: datetime) -> str:
    """The state as a word of the status vocabulary: the worst true one."""
    if environment.status == E.READY and expires_soon(environment, now):
        return "expiring"
    return str(_LOOK.get(E(environment.status), environment.status))


def look_of_operation(operation: Operation) -> str:
    """The same for an operation."""
    return str(_OPERATION_LOOK.get(S(operation.status), operation.status))


def expires_soon(environment: Environment, now: datetime) -> bool:
    """Within the time in which its owner is warned."""
    soon = now + timedelta(hours=settings.BERTH.warn_before_hours)
    return environment.expires_at is not None and environment.expires_at <= soon


def month_start(now: datetime) -> datetime:
    """Midnight of the first day, in the viewer's zone."""
    return timezone.localtime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def cost_since(environment: Environment, since: datetime, now: datetime) -> Decimal:
    """An estimate: hours since it was ready times its present rates.

    Earlier suspensions and earlier sizes are not known to it; the pages say "estimate".
    """
    if environment.ready_at is None:
        return Decimal(0)
    begin, end = max(environment.ready_at, since), environment.destroyed_at or now
    stopped = min(environment.suspended_at or end, end)
    running = _hours(begin, stopped) * environment.rate_running
    return running + _hours(max(begin, stopped), end) * environment.rate_suspended


def _hours(begin: datetime, end: datetime) -> Decimal:
    return max(Decimal(0), Decimal(str((end - begin).total_seconds())) / HOUR)


def rate_now(environment: Environment) -> Decimal:
    """What it costs an hour in its present state."""
    if environment.status == E.SUSPENDED:
        return environment.rate_suspended
    return environment.rate_running if environment.status in _RUNS else Decimal(0)


def environment_rows(environments: Iterable[Environment], now: datetime) -> list[EnvironmentRow]:
    """Rows for a table."""
    since, found = month_start(now), list(environments)
    waits = waits_on(found)
    return [
        EnvironmentRow(e, look(e, now), expires_soon(e, now), cost_since(e, since, now), waits.get(e.pk)) for e in found
    ]


def under_way(
    operation: Operation, signed: Mapping[str, int], waits: Mapping[UUID, Waits], now: datetime
) -> dict[str, object]:
    """One row of "Under way"; `steps` must be prefetched, `signed` counts signatures by operation."""
    steps = list(operation.steps.all())
    at = next((n for n, step in enumerate(steps, 1) if step.status == "running"), 0)
    return {
        "title": title_of(operation),
        "url": reverse("operation", args=[operation.pk]),
        "status": look_of_operation(operation),
        "detail": f"step {at} of {len(steps)}" if at else "",
        "tones": [_STEP_TONES.get(step.status, "idle") for step in steps] or ["idle"],
        "note": operation.blocked or _signed(operation, signed),
        "waits": _waits(waits.get(operation.pk), now),
    }


def _waits(waits: Waits | None, now: datetime) -> str:
    if waits is None:
        return ""
    return f"{waits.sentence}, {roughly((now - waits.since).total_seconds())}"


def _signed(operation: Operation, signed: Mapping[str, int]) -> str:
    if operation.status != S.AWAITING_APPROVAL:
        return ""
    words = {"signed": signed.get(operation.ref, 0), "needed": operation.signatures_needed}
    return _("%(signed)s of %(needed)s signed") % words


def title_of(operation: Operation) -> str:
    """The act in words: "Create payments-api-dev"."""
    release = operation.arguments.get("release") or {}
    words = {"name": operation.environment.name, "release": release.get("version", "")}
    return str(kinds.of(operation).title) % words


def team_rows(user: User) -> QuerySet[Team]:
    """Teams with how many people, services and live environments each has."""
    live = Q(environments__isnull=False) & ~Q(environments__status=E.DESTROYED)
    return teams_with(user, Permission.VIEW).annotate(
        people=Count("memberships__user", distinct=True),
        service_count=Count("services", distinct=True),
        environment_count=Count("environments", filter=live, distinct=True),
    )
