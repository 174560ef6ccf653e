"""What the State tab of an environment made by Terraform reads."""

from typing import Any

from django.http import Http404, HttpRequest

from policies.permissions import Permission, may
from policies.results import Denied
from portal.views.pages import viewer
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
