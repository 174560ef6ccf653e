"""The State tab of an environment made by Terraform, and breaking a lock there."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.views.environments import render_environment
from portal.views.pages import problem_of, viewer
from provisioning.actions.terraform import break_lock
from provisioning.drivers.base import DriverError
from provisioning.drivers.terraform import viewer as states
from provisioning.models import Environment

SHOWN = 50


def state(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """Addresses and types, the lock, the versions. Never a value."""
    if found.driver != "terraform":
        raise Http404("state")
    user = viewer(request)
    try:
        lines, away = states.lines(found), False
    except DriverError:
        lines, away = [], True
    may_break = may(user, Permission.RECOVER, None) or may(user, Permission.MANAGE_TEAM, found.team)
    return {
        "lines": lines,
        "away": away,
        "state": states.row(found),
        "versions": states.versions(found)[:SHOWN],
        "shown": SHOWN,
        "break_denied": may_break if isinstance(may_break, Denied) else None,
    }


@require_POST
def unlock(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Break the lock of the state; the reason is kept."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    answer = break_lock(by=user, environment=found, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        tab = "state" if found.driver == "terraform" else "overview"
        return render_environment(request, found, tab, status=answer.status, problem=problem_of(answer))
    messages.success(request, _("The lock is broken. The next operation takes it anew."))
    return redirect("environment_tab", pk=found.pk, tab="state")
