"""Service accounts and their tokens: made, rotated and ended by who manages the owning team."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from policies.access import machines
from policies.models import ApiToken
from policies.permissions import Permission, teams_with
from policies.results import Denied
from portal import people_near
from portal.views import second_factor
from portal.views.pages import problem_of, status_of, viewer

DAYS = (30, 90, 365)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accounts(request: HttpRequest) -> HttpResponse:
    """The service accounts one looks after."""
    if request.method != "POST":
        return _page(request)
    user, given = viewer(request), request.POST
    team = people_near.team(user, given.get("team", ""))
    made = machines.create(by=user, team=team, name=given.get("name", ""), role=given.get("role", ""))
    if isinstance(made, Denied):
        return _page(request, denied=made)
    messages.success(request, _("%(name)s is there. It needs a token.") % {"name": made.username})
    return redirect("access_accounts")


@never_cache
@require_POST
def account_token(request: HttpRequest, username: str) -> HttpResponse:
    """A token of a service account; its value is on this answer and nowhere else."""
    user, given = viewer(request), request.POST
    days = given.get("days", "")
    answer = machines.mint(
        by=user,
        machine=people_near.machine(user, username),
        name=given.get("name", ""),
        scopes=given.getlist("scopes"),
        days=int(days) if days.isascii() and days.isdigit() else 0,
    )
    return _shown(request, answer)


@never_cache
@require_POST
def token_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """A new value; the old one ends after the overlap."""
    user, hours = viewer(request), request.POST.get("overlap_hours", "24")
    overlap = int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 6 else -1
    return _shown(request, machines.rotate(by=user, token=people_near.machine_token(user, pk), overlap_hours=overlap))


@require_POST
def token_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a machine's token now."""
    user = viewer(request)
    ended = machines.end_token(by=user, token=people_near.machine_token(user, pk))
    if isinstance(ended, Denied):
        return _page(request, denied=ended)
    messages.success(request, _("Token %(name)s is revoked.") % {"name": ended.name})
    return redirect("access_accounts")


def _shown(request: HttpRequest, answer: tuple[ApiToken, str] | Denied) -> HttpResponse:
    if isinstance(answer, Denied):
        if second_factor.is_wanted(answer):
            return second_factor.ask(request, answer)
        return _page(request, denied=answer)
    return _page(request, made=answer)


def _page(
    request: HttpRequest, *, denied: Denied | None = None, made: tuple[ApiToken, str] | None = None
) -> HttpResponse:
    user = viewer(request)
    teams = teams_with(user, Permission.MANAGE_TEAM) | teams_with(user, Permission.MANAGE_ACCESS)
    context = {
        "accounts": machines.managed_by(user).prefetch_related("tokens__use").order_by("username"),
        "teams": teams.distinct(),
        "scopes": machines.SCOPES,
        "days": DAYS,
        "made": made[0] if made else None,
        "value": made[1] if made else "",
        "problem": problem_of(denied, _("Not done")),
        "crumbs": [(_("Access"), "/access/"), (_("Service accounts"), None)],
        "part": "accounts",
    }
    return render(request, "access/accounts.html", context, status=status_of(denied))
