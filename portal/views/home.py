"""Home by role: what needs this person first, then what moves, what they own, what ends and what it costs."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from policies import quotas
from policies.models import User
from policies.permissions import Permission, services_with
from portal import health, loaders
from portal.presenters.events import rows as event_rows
from portal.presenters.limits import bars
from portal.presenters.waiting import waits_in
from portal.shell import shell_of
from portal.views.history import names_for
from portal.views.inbox import signed_counts
from portal.views.needs import needs_of
from portal.views.needs_governance import governance_needs
from portal.views.pages import viewer
from portal.views.rows import cost_since, environment_rows, month_start, rate_now, under_way
from provisioning.inbox import to_sign
from provisioning.models import Environment, Operation
from provisioning.selectors import environments_visible_to, operations_visible_to
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E

SHOWN = 10
NEXT = 5


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this person came for."""
    user, now = viewer(request), timezone.now()
    mine = list(_mine(user, now))
    live = [e for e in mine if e.status != E.DESTROYED]
    inbox = list(to_sign(user).select_related("environment", "team", "requester")[:SHOWN])
    moving = _moving(user, inbox)
    signed, waits = signed_counts(moving), waits_in(moving)
    context = {
        "live_count": len(live),
        "needs": [*needs_of(user, live, inbox, now), *governance_needs(user, now)],
        "under_way": [under_way(row, signed, waits, now) for row in moving],
        "rows": environment_rows(live[:SHOWN], now),
        "expires": sorted((e for e in live if e.expires_at), key=_expiry)[:NEXT],
        "may_request": services_with(user, Permission.REQUEST).exists(),
        "crumbs": [("Home", None)],
    }
    return render(request, "home/home.html", context | _cost(mine, now) | _for_role(request, user))


def _mine(user: User, now: datetime) -> QuerySet[Environment]:
    """Own environments, the destroyed ones of this month too because they cost something."""
    rows = environments_visible_to(user).filter(owner=user)
    gone = rows.filter(status=E.DESTROYED, destroyed_at__lt=month_start(now))
    return rows.exclude(pk__in=gone.values("pk")).order_by("name")


def _expiry(environment: Environment) -> datetime:
    assert environment.expires_at is not None  # noqa: S101 - filtered by the caller
    return environment.expires_at


def _moving(user: User, inbox: list[Operation]) -> list[Operation]:
    """What goes on without this person; what waits for the own signature is told already."""
    moving = operations_visible_to(user).exclude(status__in=TERMINAL)
    rows = moving.exclude(pk__in=[row.pk for row in inbox]).select_related("environment", "requester", "team")
    return list(rows.prefetch_related("steps").order_by("-created_at")[:NEXT])


def _cost(mine: list[Environment], now: datetime) -> dict[str, Any]:
    """This month so far, and by its end if everything stays as it is."""
    since = month_start(now)
    ends = (since.replace(day=28) + timedelta(days=4)).replace(day=1)
    hours = max(0, (ends - now).total_seconds()) / 3600
    so_far = sum(cost_since(e, since, now) for e in mine)
    more = sum(float(rate_now(e)) * hours for e in mine)
    return {"cost": so_far, "cost_by_end": float(so_far) + more, "month_end": ends}


def _for_role(request: HttpRequest, user: User) -> dict[str, Any]:
    """Beside the rest: health for platform engineers, the newest events for auditors, the team's quota."""
    found: dict[str, Any] = {}
    if user.is_platform:
        found["checks"] = health.checks()
    if user.is_auditor:
        events = list(loaders.history(user).filter(source="event").order_by("-at", "-id")[:SHOWN])
        found["events"] = event_rows(events, names_for(user, events))
    team = shell_of(request).team
    if team is not None:
        found |= {"bars": bars(quotas.usage(team)), "team": team}
    return found
