"""One field over everything the viewer may see: environments, services, templates, operations, people."""

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog.models import Template
from delivery.selectors import services_visible_to
from policies.models import Membership, User
from policies.permissions import Permission, teams_with
from portal.presenters import search as show
from portal.views.pages import viewer
from provisioning.models import Operation
from provisioning.selectors import environments_visible_to, operations_visible_to

MOST = 10
SHORT_ID = re.compile(r"^([0-9a-f]{4,32})$")


@require_safe
@vary_on_headers("HX-Request")
def search(request: HttpRequest) -> HttpResponse:
    """At most ten of each kind, best known first."""
    query = request.GET.get("q", "").strip().replace("\x00", "")[:100]
    context: dict[str, Any] = {
        "crumbs": [(_("Search"), None)],
        "q": query,
        "groups": groups(viewer(request), query) if query else [],
    }
    context["total"] = sum(len(group["rows"]) for group in context["groups"])
    part = "results" if request.headers.get("HX-Request") else "page"
    return render(request, f"search/{part}.html", context)


def groups(user: User, query: str) -> list[dict[str, Any]]:
    """One query a kind, each scoped to the viewer."""
    named = Q(name__icontains=query)
    environments = environments_visible_to(user).filter(named).select_related("team", "service")
    services = services_visible_to(user).filter(named | Q(slug__icontains=query)).select_related("team")
    templates = Template.objects.filter(named | Q(slug__icontains=query))
    return [
        show.environments(environments.order_by("name")[:MOST]),
        show.services(services.order_by("slug")[:MOST]),
        show.templates(templates.order_by("name")[:MOST]),
        show.operations(_operations(user, query)[:MOST]),
        show.people(_people(user, query)[:MOST]),
    ]


def _operations(user: User, query: str) -> QuerySet[Operation]:
    """By the start of its id or by the name of its environment."""
    wanted = Q(environment__name__icontains=query)
    short = SHORT_ID.match(query.lower().removeprefix("op-").replace("-", ""))
    if short:
        wanted |= Q(pk__in=_by_prefix(user, short[1]))
    return operations_visible_to(user).filter(wanted).select_related("environment").order_by("-created_at")


def _by_prefix(user: User, prefix: str) -> QuerySet[Operation, Any]:
    """Ids between the first and the last that begin so."""
    low, high = prefix.ljust(32, "0"), prefix.ljust(32, "f")
    return operations_visible_to(user).filter(pk__gte=low, pk__lte=high).values("pk")


def _people(user: User, query: str) -> QuerySet[User]:
    """Members of the teams that the viewer sees, and the viewer."""
    near = Membership.objects.filter(team__in=teams_with(user, Permission.VIEW)).values("user")
    people = User.objects.filter(Q(pk__in=near) | Q(pk=user.pk), is_active=True)
    return people.filter(Q(full_name__icontains=query) | Q(username__icontains=query)).order_by("full_name", "pk")
