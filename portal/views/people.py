"""Teams, the team in focus, the list of shortcuts and, in DEBUG, the style guide."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from policies import quotas
from policies.models import Role
from policies.permissions import Permission, may
from portal import loaders
from portal.presenters.limits import bars
from portal.shell import TEAM_KEY, shell_of
from portal.views.pages import viewer
from portal.views.rows import team_rows
from portal.views.signin import safe_next
from provisioning.selectors import environments_visible_to
from provisioning.states import EnvironmentStatus as E

ORDER = (Role.OWNER, Role.APPROVER, Role.DEVELOPER, Role.VIEWER)


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Put one team, or all, in focus."""
    slug = request.POST.get("team", "")
    request.session[TEAM_KEY] = loaders.team(viewer(request), slug).slug if slug else ""
    return redirect(safe_next(request))


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """Every team the viewer may see."""
    rows = team_rows(viewer(request))
    return render(request, "people/teams.html", {"teams": rows, "crumbs": [("Teams", None)]})


@require_safe
def team(request: HttpRequest, slug: str) -> HttpResponse:
    """Who belongs to the team, what it owns and how much room it has left."""
    user = viewer(request)
    found = loaders.team(user, slug)
    members = list(found.memberships.select_related("user", "custom").order_by("user__full_name", "role"))
    custom = sorted({m.custom for m in members if m.custom}, key=str)
    held = [(role.label, role.value) for role in ORDER] + [(role.name, role.slug) for role in custom]
    context = {
        "team": found,
        "people": [(label, [m.user for m in members if m.held == slug]) for label, slug in held],
        "services": found.services.all(),
        "bars": bars(quotas.usage(found)),
        "environments": environments_visible_to(user).filter(team=found).exclude(status=E.DESTROYED).count(),
        "may_request": may(user, Permission.REQUEST, found),
        "crumbs": [("Teams", "/teams/"), (found.name, None)],
    }
    return render(request, "people/team.html", context)


@require_safe
def shortcuts(request: HttpRequest) -> HttpResponse:
    """The keys, as a page that works without script."""
    return render(request, "people/shortcuts.html", {"nav": shell_of(request).nav, "crumbs": [("Shortcuts", None)]})


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component with invented data."""
    return render(request, "styleguide.html", {"crumbs": [("Style guide", None)]})
