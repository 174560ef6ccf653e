"""Who may do what, and why: the question with its answer, grants in force, and custom roles."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies.access import giving, why
from policies.models import CustomRole, Effect, Role
from policies.permissions import Permission, may
from policies.results import Denied
from portal import people_near
from portal.presenters import access as show
from portal.views.pages import problem_of, status_of, viewer

MOST = 200


@require_safe
def access(request: HttpRequest) -> HttpResponse:
    """Ask why somebody may do something, or who may; see what is granted now."""
    return _page(request)


def _page(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    asked = {name: request.GET.get(name, "") for name in ("person", "permission", "scope")}
    context: dict[str, Any] = {
        "asked": asked,
        "answers": _answers(request, asked),
        "permissions": list(Permission),
        "matters": [*Role.values, *CustomRole.objects.values_list("slug", flat=True), *Permission],
        "scopes": people_near.scopes(user),
        "people": people_near.people(user).filter(is_active=True)[:MOST],
        "grants": people_near.grants(user)[:MOST],
        "now": timezone.now(),
        "unmet": show.unsatisfied(user),
        "may_give": people_near.manages_any(user),
        "may_manage": bool(may(user, Permission.MANAGE_ACCESS, None)),
        "posted": request.POST,
        "problem": problem_of(denied, _("Not done")),
        "crumbs": [(_("Governance"), "/governance/"), (_("Access"), None)],
        "part": "access",
    }
    return render(request, "access/page.html", context, status=status_of(denied))


def _answers(request: HttpRequest, asked: dict[str, str]) -> list[why.Explanation]:
    """One person's answer, or everybody's who may; nothing while nothing is asked."""
    if asked["permission"] not in set(Permission):
        return []
    where = people_near.scope(viewer(request), asked["scope"])
    permission = Permission(asked["permission"])
    if not asked["person"]:
        return why.who(permission, where)
    return [why.explain(people_near.person(viewer(request), asked["person"]), permission, where)]


@require_POST
def grant_new(request: HttpRequest) -> HttpResponse:
    """Give or deny something to somebody."""
    user, given = viewer(request), request.POST
    wanted = giving.Wanted(
        to=people_near.person(user, given.get("to", "")),
        where=people_near.scope(user, given.get("scope", "")),
        matter=given.get("what", ""),
        effect=given.get("effect", Effect.ALLOW.value),
        reason=given.get("reason", ""),
        ends_at=_moment(given.get("ends_at", "")),
    )
    made = giving.give(by=user, wanted=wanted)
    if isinstance(made, Denied):
        return _page(request, made)
    messages.success(request, _("%(grant)s is in force.") % {"grant": show.sentence(made)})
    return redirect("access")


def _moment(text: str) -> datetime | None:
    """A moment typed in the viewer's zone; what is no moment has ended already, and is refused as such."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        return timezone.now()
    return timezone.make_aware(found) if timezone.is_naive(found) else found


@require_POST
def grant_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a grant or a denial now."""
    user = viewer(request)
    ended = giving.revoke(by=user, grant=people_near.grant(user, pk), reason=request.POST.get("reason", ""))
    if isinstance(ended, Denied):
        return _page(request, ended)
    messages.success(request, _("%(grant)s has ended.") % {"grant": show.sentence(ended)})
    return redirect("access")


@require_http_methods(["GET", "HEAD", "POST"])
def roles(request: HttpRequest) -> HttpResponse:
    """Built-in and custom roles with their rights; managers of access make and change custom ones."""
    user, denied = viewer(request), None
    if request.method == "POST":
        given = request.POST
        made = giving.save_role(
            by=user, slug=given.get("slug", ""), name=given.get("name", ""), permissions=given.getlist("permissions")
        )
        if not isinstance(made, Denied):
            messages.success(request, _("The role %(name)s is saved.") % {"name": made.name})
            return redirect("access_roles")
        denied = made
    context = {
        "roles": show.role_table(),
        "permissions": list(Permission),
        "asked": request.POST,
        "chosen": request.POST.getlist("permissions"),
        "may_manage": bool(may(user, Permission.MANAGE_ACCESS, None)),
        "problem": problem_of(denied, _("Not saved")),
        "crumbs": [(_("Governance"), "/governance/"), (_("Access"), "/access/"), (_("Roles"), None)],
        "part": "roles",
    }
    return render(request, "access/roles.html", context, status=status_of(denied))
