"""One person: roles, grants, every right with its reason; giving and taking roles; leaving, and what stays behind."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from policies.access import giving
from policies.access.leaving import may_close
from policies.models import CustomRole, Role, User
from policies.permissions import Permission, live, may
from policies.results import Denied
from portal import loaders, people_near
from portal.presenters import access as show
from portal.views.pages import problem_of, status_of, viewer
from provisioning.actions import leaving


@require_safe
def person(request: HttpRequest, username: str) -> HttpResponse:
    """Everything somebody may do in one scope, and why."""
    return shown(request, people_near.person(viewer(request), username))


def shown(request: HttpRequest, found: User, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    scopes = people_near.scopes(user)
    roles = found.memberships.select_related("team", "custom").order_by("team__name", "role")
    own = next((f"team:{each.team.slug}" for each in roles), scopes[0][0])
    scope = request.GET.get("scope", own if own in dict(scopes) else scopes[0][0])
    context = {
        "person": found,
        "scope": scope,
        "scopes": scopes,
        "rights": show.every_right(found, people_near.scope(user, scope)),
        "memberships": roles,
        "grants": live(found.grants.all()).select_related("team", "service", "organisation", "custom", "granted_by"),
        "roles": [*Role.values, *CustomRole.objects.values_list("slug", flat=True)],
        "may_give": people_near.manages_any(user),
        "may_close": found.is_active and may_close(user, found) is None,
        "may_look": bool(may(user, Permission.IMPERSONATE, None)) and found.is_active and found.pk != user.pk,
        "problem": problem_of(denied, _("Not done")),
        "crumbs": [(_("Access"), "/access/"), (str(found), None)],
        "part": "access",
    }
    return render(request, "access/person.html", context, status=status_of(denied))


@require_POST
def admit(request: HttpRequest) -> HttpResponse:
    """Give somebody a role in a team."""
    user, given = viewer(request), request.POST
    found = people_near.person(user, given.get("user", ""))
    team = people_near.team(user, given.get("team", ""))
    made = giving.admit(by=user, user=found, team=team, role=given.get("role", ""))
    if isinstance(made, Denied):
        return shown(request, found, made)
    messages.success(request, _("%(membership)s from now on.") % {"membership": made})
    return redirect("access_person", username=found.username)


@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a role away."""
    user = viewer(request)
    membership = people_near.membership(user, pk)
    answer = giving.dismiss(by=user, membership=membership, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        return shown(request, membership.user, answer)
    messages.success(request, _("%(membership)s no longer.") % {"membership": membership})
    return redirect("team", slug=membership.team.slug)


@require_POST
def leave(request: HttpRequest, username: str) -> HttpResponse:
    """Close an account; what it owned is listed next."""
    user = viewer(request)
    found = people_near.person(user, username)
    answer = leaving.leave(by=user, person=found, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        return shown(request, found, answer)
    counts = ", ".join(f"{count} {what}" for what, count in answer.items())
    messages.success(request, _("%(person)s has left. Ended: %(counts)s.") % {"person": found, "counts": counts})
    return redirect("access_ownership")


@require_safe
def ownership(request: HttpRequest) -> HttpResponse:
    """What has no owner any more."""
    return _ownership(request)


def _ownership(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    context = {
        "environments": leaving.orphaned(user)[:200],
        "services": leaving.unowned_services(user)[:200],
        "machines": leaving.unowned_machines(user).order_by("username")[:200],
        "may_give": people_near.manages_any(user),
        "problem": problem_of(denied, _("Not handed on")),
        "crumbs": [(_("Access"), "/access/"), (_("Ownership"), None)],
        "part": "ownership",
    }
    return render(request, "access/ownership.html", context, status=status_of(denied))


@require_POST
def transfer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand an environment on to somebody who may operate it."""
    user = viewer(request)
    environment = loaders.environment(user, pk)
    to = people_near.person(user, request.POST.get("to", ""))
    answer = leaving.transfer(by=user, environment=environment, to=to, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        return _ownership(request, answer)
    messages.success(request, _("%(name)s belongs to %(person)s.") % {"name": answer.name, "person": to})
    return redirect("access_ownership")
