"""One's own profile and API tokens."""

import zoneinfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from policies import tokens as token_actions
from policies.results import Denied
from portal import accounts, loaders
from portal.views import second_factor
from portal.views.pages import viewer

DAYS = (30, 90, 365)


@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """The time zone in which everything is shown."""
    user, denied = viewer(request), None
    if request.method == "POST":
        answer = accounts.set_time_zone(by=user, name=request.POST.get("time_zone", ""))
        if not isinstance(answer, Denied):
            messages.success(request, _("Times are shown in %(zone)s.") % {"zone": request.POST["time_zone"]})
            return redirect("settings_page")
        denied = answer
    zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC")
    context = {"zones": zones, "denied": denied, "crumbs": [("Settings", None)], "tab": "profile"}
    return render(request, "settings/profile.html", context, status=denied.status if denied is not None else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The viewer's tokens; a new one's value is on the answer to its POST and nowhere else."""
    user = viewer(request)
    context: dict[str, object] = {"value": "", "denied": None}
    if request.method == "POST":
        context = _made(request)
    denied = context["denied"]
    if isinstance(denied, Denied) and second_factor.is_wanted(denied):
        return second_factor.ask(request, denied)
    rows = user.tokens.select_related("use")
    crumbs = [("Settings", "/settings/"), ("Tokens", None)]
    context |= {"tokens": rows, "scopes": token_actions.SCOPES, "days": DAYS, "crumbs": crumbs, "tab": "tokens"}
    return render(request, "settings/tokens.html", context, status=denied.status if isinstance(denied, Denied) else 200)


def _made(request: HttpRequest) -> dict[str, object]:
    days = request.POST.get("days", "")
    answer = token_actions.create(
        by=viewer(request),
        name=request.POST.get("name", ""),
        scopes=request.POST.getlist("scopes"),
        second_factor=request.POST.get("second_factor") == "1",
        days=int(days) if days.isascii() and days.isdigit() else 0,
    )
    if isinstance(answer, Denied):
        return {"value": "", "denied": answer, "asked": request.POST}
    token, value = answer
    return {"value": value, "denied": None, "made": token}


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token now."""
    user = viewer(request)
    token = loaders.token(user, pk)
    ended = token_actions.revoke(by=user, token=token)
    said = _("Token %(name)s is revoked.") if ended else _("Token %(name)s had ended before.")
    messages.success(request, said % {"name": token.name})
    return redirect("tokens")
