"""What exists outside and could be adopted: the list, reading into it, assigning, and the request that adopts."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from catalog import selectors as catalog
from delivery.selectors import services_visible_to
from policies.models import Team, User
from policies.permissions import Permission, may, teams_with
from policies.results import Denied
from portal import loaders
from portal.views.pages import problem_of, status_of, viewer
from provisioning import inventory
from provisioning.actions import inventory as actions
from provisioning.actions.adopt import adopt
from provisioning.actions.request import Wanted
from provisioning.models import InventoryImport, InventoryItem, Target
from provisioning.selectors import inventory_visible_to
from provisioning.tiers import Tier

PAGE = 50


@require_safe
def inventory_page(request: HttpRequest) -> HttpResponse:
    """Candidates of the viewer's teams; platform engineers see the unassigned too."""
    return _render(request)


@require_safe
def inventory_export(request: HttpRequest) -> StreamingHttpResponse:
    """The list as a CSV file that no spreadsheet takes for formulas; it can be read again."""
    rows = inventory_visible_to(viewer(request)).iterator(chunk_size=500)
    lines = (line.encode() for line in inventory.csv_lines(rows))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="inventory.csv"'
    return response


@require_POST
def inventory_import(request: HttpRequest) -> HttpResponse:
    """Read a file, or have a target scanned."""
    by, source = viewer(request), request.POST.get("source", "")
    answer: InventoryImport | Denied
    if source == "cluster":
        answer = actions.ask_scan(by=by, target=loaders.target(by, request.POST.get("target", "")))
    else:
        given = actions.List(source, *_file(request), target=request.POST.get("target", ""))
        answer = actions.import_list(by=by, given=given)
    if isinstance(answer, Denied):
        return _render(request, answer)
    if answer.finished_at is None:
        messages.success(request, _("A worker scans %(name)s now.") % {"name": answer.name})
    return redirect("inventory")


def _file(request: HttpRequest) -> tuple[str, str]:
    """Name and text of what was sent; what is no UTF-8 is read as far as it goes and refused row by row."""
    sent = request.FILES.get("file")
    if sent is None or not sent.name:
        return _("typed in"), request.POST.get("text", "")
    return sent.name, sent.read(inventory.MOST_BYTES + 1).decode("utf-8", "replace")


@require_POST
def inventory_assign(request: HttpRequest) -> HttpResponse:
    """Say to which team the chosen ones belong."""
    by = viewer(request)
    team = loaders.team(by, request.POST.get("team", ""))
    owner = loaders.member(team, request.POST["owner"]) if request.POST.get("owner") else None
    answer = actions.assign(by=by, items=_chosen(request), team=team, owner=owner)
    if isinstance(answer, Denied):
        return _render(request, answer)
    said = ngettext("%(n)s thing is assigned to %(team)s.", "%(n)s things are assigned to %(team)s.", answer)
    messages.success(request, said % {"n": answer, "team": team.name})
    return redirect("inventory")


@require_POST
def inventory_adopt(request: HttpRequest) -> HttpResponse:
    """Ask for an environment made of the chosen ones."""
    by = viewer(request)
    wanted = _wanted(request, by)
    if isinstance(wanted, Denied):
        return _render(request, wanted)
    answer = adopt(by=by, wanted=wanted, items=[item.pk for item in _chosen(request)])
    if isinstance(answer, Denied):
        return _render(request, answer)
    return redirect("operation", answer.pk)


def _wanted(request: HttpRequest, by: User) -> Wanted | Denied:
    template = catalog.orderable().filter(slug=request.POST.get("template", "")).first()
    if template is None or template.current is None:
        raise Http404("template")
    try:
        parameters = json.loads(request.POST.get("parameters") or "{}")
    except (ValueError, RecursionError):
        parameters = None
    if not isinstance(parameters, dict):
        return Denied("parameters.object", "parameters", "It must be a JSON object of parameters.", status=422)
    return Wanted(
        service=loaders.service(by, request.POST.get("service", "")),
        version=template.current,
        name=request.POST.get("name", "").strip(),
        tier=request.POST.get("tier", ""),
        parameters=parameters,
        reason=request.POST.get("reason", "").strip(),
    )


def _chosen(request: HttpRequest) -> QuerySet[InventoryItem]:
    try:
        keys = [UUID(value) for value in request.POST.getlist("item")[:500]]
    except (ValueError, ValidationError):
        raise Http404("item") from None
    return inventory_visible_to(viewer(request)).filter(pk__in=keys)


def _render(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    by = viewer(request)
    may_manage = bool(may(by, Permission.MANAGE_INVENTORY, None))
    rows = Paginator(inventory_visible_to(by), PAGE).get_page(request.GET.get("page"))
    context: Mapping[str, Any] = {
        "rows": rows,
        "page": rows,
        "may_manage": may_manage,
        "may_adopt": teams_with(by, Permission.REQUEST).exists(),
        "problem": problem_of(denied),
        "last": InventoryImport.objects.select_related("by").first() if may_manage else None,
        "teams": Team.objects.order_by("name") if may_manage else [],
        "targets": Target.objects.filter(retired_at=None) if may_manage else [],
        "services": services_visible_to(by).filter(team__in=teams_with(by, Permission.REQUEST)).order_by("slug"),
        "templates": catalog.orderable().order_by("slug"),
        "tiers": Tier.values,
        "asked": request.POST,
        "crumbs": [("Inventory", None)],
    }
    return render(request, "inventory/page.html", context, status=status_of(denied))
