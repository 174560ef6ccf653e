"""What people ask of an environment: suspend, resume, change, destroy, extend. A refusal comes back on its page."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from policies.results import Denied
from portal import loaders
from portal.forms.fields import attach, changed, parameter_rows
from portal.views.environment_frame import EXTEND_DAYS, HOURS_PER_DAY
from portal.views.environments import render_environment
from portal.views.pages import problem_of, viewer
from provisioning.actions import recovery
from provisioning.actions.change import Ask, submit
from provisioning.actions.control import extend as extend_life
from provisioning.models import Environment

KINDS = ("suspend", "resume", "reconcile", "update", "destroy")


@require_POST
def ask(request: HttpRequest, pk: UUID, kind: str) -> HttpResponse:
    """Ask for a change; on to its operation, or back with the reason why not."""
    if kind not in KINDS:
        raise Http404("kind")
    user = viewer(request)
    found = loaders.environment(user, pk)
    wanted = Ask(
        environment=found,
        kind=kind,
        arguments=_arguments(request, found, kind),
        reason=request.POST.get("reason", "").strip(),
        confirm=request.POST.get("confirm", "").strip(),
    )
    answer = submit(by=user, ask=wanted, key=request.POST.get("key", "")[:80])
    if isinstance(answer, Denied):
        return _refused(request, found, wanted, answer)
    return redirect("operation", pk=answer.pk)


def _arguments(request: HttpRequest, found: Environment, kind: str) -> dict[str, Any]:
    if kind != "update":
        return {}
    return {"parameters": changed(found.template_version, request.POST)}


def _refused(request: HttpRequest, found: Environment, wanted: Ask, denied: Denied) -> HttpResponse:
    if wanted.kind in {"suspend", "resume", "reconcile"}:
        return render_environment(request, found, "overview", status=denied.status, problem=problem_of(denied))
    more: dict[str, Any] = {"problem": problem_of(denied), "refused_kind": wanted.kind}
    if wanted.kind == "update":
        rows = parameter_rows(found.template_version, wanted.arguments["parameters"], locked=True)
        attach(rows, denied.errors)
        more["rows"] = rows
    return render_environment(request, found, "settings", status=denied.status, **more)


@require_POST
def extend(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let it live longer, by a week unless another number of days is sent."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    days = request.POST.get("days", str(EXTEND_DAYS))
    hours = int(days) * HOURS_PER_DAY if days.isascii() and days.isdigit() and len(days) <= 4 else 0
    answer = extend_life(by=user, environment=found, hours=hours)
    if isinstance(answer, Denied):
        return render_environment(request, found, "overview", status=answer.status, problem=problem_of(answer))
    said = _("%(name)s lives %(days)s days longer.")
    messages.success(request, said % {"name": found.name, "days": hours // HOURS_PER_DAY})
    return redirect("environment", pk=found.pk)


@require_POST
def check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a worker look at what is there."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    answer = recovery.check_now(by=user, environment=found)
    if isinstance(answer, Denied):
        return render_environment(request, found, "overview", status=answer.status, problem=problem_of(answer))
    messages.success(request, _("A worker compares it with its record now."))
    return redirect("environment", pk=found.pk)


@require_POST
def delete_record(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Retire it without its driver; what it had is listed in the ledger."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    sent = {name: request.POST.get(name, "").strip() for name in ("reason", "confirm")}
    answer = recovery.delete_record(by=user, environment=found, **sent)
    if isinstance(answer, Denied):
        more = {"problem": problem_of(answer), "refused_kind": "delete_record"}
        return render_environment(request, found, "settings", status=answer.status, **more)
    return redirect("orphans")
