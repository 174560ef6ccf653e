"""One's own profile and API tokens."""

import zoneinfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from policies import tokens as token_actions
from policies.access import machines
from policies.models import ApiToken
from policies.results import Denied
from portal import accounts, loaders
from portal.views import second_factor
from portal.views.pages import status_of, viewer

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
    return render(request, "settings/profile.html", context, status=status_of(denied))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The viewer's tokens; a new one's value is on the answer to its POST and nowhere else."""
    return _answered(request, _made(request)) if request.method == "POST" else _tokens(request, {})


@never_cache
@require_POST
def token_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """A new value for the same use; the old one ends within a day."""
    user = viewer(request)
    return _answered(request, machines.rotate(by=user, token=loaders.token(user, pk)))


def _answered(request: HttpRequest, answer: tuple[ApiToken, str] | Denied) -> HttpResponse:
    if not isinstance(answer, Denied):
        return _tokens(request, {"made": answer[0], "value": answer[1]})
    if second_factor.is_wanted(answer):
        return second_factor.ask(request, answer)
    return _tokens(request, {"denied": answer, "asked": request.POST}, status=answer.status)


def _tokens(request: HttpRequest, more: dict[str, object], status: int = 200) -> HttpResponse:
    context = {
        "tokens": viewer(request).tokens.select_related("use", "replaced_by"),
        "now": timezone.now(),
        "scopes": token_actions.SCOPES,
        "days": DAYS,
        "crumbs": [("Settings", "/settings/"), ("Tokens", None)],
        "tab": "tokens",
    }
    return render(request, "settings/tokens.html", context | more, status=status)


def _made(request: HttpRequest) -> tuple[ApiToken, str] | Denied:
    days = request.POST.get("days", "")
    return token_actions.create(
        by=viewer(request),
        name=request.POST.get("name", ""),
        scopes=request.POST.getlist("scopes"),
        second_factor=request.POST.get("second_factor") == "1",
        days=int(days) if days.isascii() and days.isdigit() else 0,
    )


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token now."""
    user = viewer(request)
    token = loaders.token(user, pk)
    ended = token_actions.revoke(by=user, token=token)
    said = _("Token %(name)s is revoked.") if ended else _("Token %(name)s had ended before.")
    messages.success(request, said % {"name": token.name})
    return redirect("tokens")
