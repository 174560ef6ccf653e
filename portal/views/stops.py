"""Stopped lines and switches: what is in force, who did it and why, and the forms that begin and end it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from policies import stops as rules
from policies.models import Switch, SwitchName
from policies.models.windows import LONGEST_SWITCH
from policies.permissions import Permission, may, services_with
from policies.results import Denied
from portal import loaders
from portal.forms.windows import end_of
from portal.presenters import windows as show
from portal.views.pages import page, problem_of, status_of, viewer

PAGE = 25
HOME = (lazy("Windows"), "/windows/")


@require_http_methods(["GET", "HEAD", "POST"])
def stops(request: HttpRequest) -> HttpResponse:
    """The lines that are and were stopped; POST stops one."""
    if request.method != "POST":
        return _stops(request)
    user, slug = viewer(request), _text(request, "service")
    service = loaders.service(user, slug) if slug else None
    answer = rules.stop(by=user, service=service, reason=_text(request, "reason"))
    if isinstance(answer, Denied):
        return _stops(request, answer)
    messages.success(request, _("%(stop)s: in force until somebody else lifts it.") % {"stop": answer})
    return redirect("stops")


@require_POST
def stop_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a line go on; never by who stopped it."""
    user = viewer(request)
    found = loaders.stop(user, pk)
    answer = rules.lift(by=user, stop=found, reason=_text(request, "reason"))
    if isinstance(answer, Denied):
        return _stops(request, answer)
    messages.success(request, _("%(stop)s: lifted.") % {"stop": found})
    return redirect("stops")


def _stops(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    at = Paginator(rules.visible_to(user), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": at,
        "rows": show.stop_rows(user, at.object_list),
        "services": services_with(user, Permission.STOP_THE_LINE).order_by("slug"),
        "may_stop_all": bool(may(user, Permission.STOP_THE_LINE, None)),
        "problem": problem_of(denied),
        "chips": show.chips("stops"),
        "crumbs": [HOME, (_("Stopped lines"), None)],
    }
    return page(request, "windows/stops.html", context, status=status_of(denied))


@require_http_methods(["GET", "HEAD", "POST"])
def switches(request: HttpRequest) -> HttpResponse:
    """The switches and their past uses; POST uses one until a planned end."""
    if request.method != "POST":
        return _switches(request)
    sent = {name: _text(request, name) for name in ("name", "reason")}
    answer = rules.switch_on(by=viewer(request), ends_at=end_of(request.POST), **sent)
    if isinstance(answer, Denied):
        return _switches(request, answer)
    messages.success(request, _("%(switch)s.") % {"switch": answer})
    return redirect("switches")


@require_POST
def switch_end(request: HttpRequest, name: str) -> HttpResponse:
    """End a switch before its planned end."""
    answer = rules.switch_off(by=viewer(request), name=name)
    if isinstance(answer, Denied):
        return _switches(request, answer)
    messages.success(request, _("The switch %(name)s is off.") % {"name": name})
    return redirect("switches")


def _switches(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    in_use = {row.name: row for row in rules.on()}
    past = Switch.objects.exclude(pk__in=[row.pk for row in in_use.values()]).select_related("by", "ended_by")
    at = Paginator(past, PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": at,
        "rows": [show.switch_row(name, in_use.get(name)) for name in SwitchName.values],
        "may_use": bool(may(viewer(request), Permission.USE_SWITCHES, None)),
        "most_hours": LONGEST_SWITCH.days * 24,
        "problem": problem_of(denied),
        "chips": show.chips("switches"),
        "crumbs": [HOME, (_("Switches"), None)],
    }
    return page(request, "windows/switches.html", context, status=status_of(denied))


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[:400]
