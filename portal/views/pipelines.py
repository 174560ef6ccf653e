"""Pipelines of services: what runs where, what can move, and moving it."""

import json
import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from delivery import actions
from delivery.models import Release
from delivery.selectors import MOVES, Pipeline, releases_visible_to, services_visible_to
from delivery.selectors import pipelines as pipelines_of
from policies.models import Service, User
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.presenters import pipelines as show
from portal.presenters import refusals
from portal.views.pages import viewer
from provisioning.models import Operation
from provisioning.states import OperationStatus as S

PAGE = 20


@require_safe
@vary_on_headers("HX-Request")
def pipelines(request: HttpRequest) -> HttpResponse:
    """Every service with what runs in its tiers."""
    query = request.GET.get("q", "").strip()
    rows = services_visible_to(viewer(request)).select_related("team").filter(slug__icontains=query)
    page = Paginator(rows.order_by("slug"), PAGE).get_page(request.GET.get("page"))
    context = {
        "crumbs": [(_("Pipelines"), None)],
        "page": page,
        "rows": show.list_rows(pipelines_of(list(page))),
        "q": query,
    }
    part = "table" if request.headers.get("HX-Request") else "list"
    return render(request, f"pipelines/{part}.html", context)


@require_safe
def pipeline(request: HttpRequest, slug: str) -> HttpResponse:
    """One service: stages, gates, releases."""
    service = loaders.service(viewer(request), slug)
    return render(request, "pipelines/page.html", _page(request, service))


def _page(request: HttpRequest, service: Service) -> dict[str, Any]:
    user = viewer(request)
    found = pipelines_of([service])[0]
    rows = releases_visible_to(user).filter(service=service).select_related("created_by")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    allowed = may(user, Permission.DEPLOY, service)
    return {
        "crumbs": [(_("Pipelines"), reverse("pipelines")), (service.slug, None)],
        "service": service,
        "pipeline": found,
        "columns": show.columns(found, _earlier(found)),
        "short_lived": [show.stage_card(stage) for stage in show.short_lived(found)],
        "page": page,
        "releases": show.release_rows(page, found),
        "targets": show.targets(found),
        "denied": allowed if isinstance(allowed, Denied) else None,
        "may_stop": bool(may(user, Permission.STOP_THE_LINE, service)),
        "key": uuid.uuid4().hex,
    }


def _earlier(found: Pipeline) -> dict[Any, str]:
    """For each lasting stage, the version that ran before the present one."""
    present = {stage.environment.pk: stage.digest for stage in show.lasting(found)}
    rows = Operation.objects.filter(environment__in=present, kind__in=MOVES, status=S.SUCCEEDED)
    earlier: dict[Any, str] = {}
    for key, arguments in rows.order_by("-finished_at", "-pk").values_list("environment_id", "arguments")[:200]:
        if arguments["release"]["digest"] != present[key]:
            earlier.setdefault(key, arguments["release"]["version"])
    return earlier


@require_http_methods(["GET", "HEAD", "POST"])
def release_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Register a release."""
    service = loaders.service(viewer(request), slug)
    answer = _registered(viewer(request), service, request.POST) if request.method == "POST" else None
    if isinstance(answer, Release):
        return redirect("pipeline", slug=slug)
    allowed = may(viewer(request), Permission.DEPLOY, service)
    denied = answer if isinstance(answer, Denied) else allowed if isinstance(allowed, Denied) else None
    here = [(_("Pipelines"), reverse("pipelines")), (service.slug, reverse("pipeline", args=[slug]))]
    status = answer.status if isinstance(answer, Denied) else 200
    context = {
        "crumbs": [*here, (_("New release"), None)],
        "service": service,
        "values": request.POST,
        "errors": refusals.field_errors(answer),
        "problem": refusals.problem(denied, title=_("Not registered")) if denied is not None else None,
    }
    return render(request, "pipelines/release_new.html", context, status=status)


def _registered(by: User, service: Service, form: Any) -> Release | Denied:
    try:
        artifact = json.loads(form.get("artifact") or "{}")
    except ValueError:
        artifact = None
    if not isinstance(artifact, dict):
        return Denied("release.artifact", "artifact", _("It must be a JSON object."), status=422)
    return actions.register_release(
        by=by,
        service=service,
        version=form.get("version", "").strip(),
        artifact=artifact,
        digest=form.get("digest", "").strip(),
        notes=form.get("notes", "").strip(),
    )


@require_POST
def release_move(request: HttpRequest, slug: str) -> HttpResponse:
    """Deploy, promote or roll back in one action; leads to the operation."""
    service = loaders.service(viewer(request), slug)
    answer = _moved(viewer(request), request.POST)
    if not isinstance(answer, Denied):
        return redirect("operation", pk=answer.pk)
    context = _page(request, service) | {"problem": refusals.problem(answer, title=_("Nothing moves"))}
    return render(request, "pipelines/page.html", context, status=answer.status)


def _moved(by: User, form: Any) -> Operation | Denied:
    kind, key = form.get("kind", ""), form.get("key", "")
    reason = form.get("reason", "")[:2000]
    environment = loaders.environment(by, _uuid(form.get("environment", "")))
    if kind == "rollback":
        return actions.roll_back(by=by, environment=environment, reason=reason, key=key)
    moves = {"deploy": actions.deploy, "promote": actions.promote}
    if kind not in moves:
        return Denied("release.move", "kind", _("Deploy, promote or roll back."), status=422)
    release = loaders.release(by, _uuid(form.get("release", "")))
    return moves[kind](by=by, environment=environment, release=release, reason=reason, key=key)


def _uuid(text: str) -> uuid.UUID:
    """An id of a form; what is none of ours finds nothing."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
