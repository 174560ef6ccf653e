"""Comment on an operation, answer a question about it, take one back, change what was asked. No rules here."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from policies.models import BrokenGlass
from policies.results import Denied
from portal import loaders
from portal.forms.fields import PREFIX, attach, changed, parameter_rows
from portal.presenters import operations as op_show
from portal.presenters import refusals
from portal.views.approvals import page_of
from portal.views.pages import viewer
from provisioning.actions import amend, break_glass, comment, edit, hold
from provisioning.models import Hold, Operation


@require_POST
def approval_comment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say something, and go back to where it was said."""
    found = loaders.operation(viewer(request), pk)
    text = request.POST.get("text", "")
    answer = comment.comment(by=viewer(request), operation=found, text=text)
    if isinstance(answer, Denied):
        return _refused(request, found, answer, _("Nothing was written"), draft=text)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect(reverse("approval", args=[pk]) + "#conversation")


@require_POST
def approval_answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The requester's answer."""
    found = loaders.operation(viewer(request), pk)
    text = request.POST.get("text", "")
    answer = hold.answer(by=viewer(request), operation=found, text=text)
    if isinstance(answer, Denied):
        return _refused(request, found, answer, _("Nothing was sent"), answer_draft=text)
    return redirect("approval", pk=pk)


@require_POST
def approval_resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A signer takes the question back."""
    found = loaders.operation(viewer(request), pk)
    answer = hold.resume(by=viewer(request), operation=found, text=request.POST.get("text", ""))
    if isinstance(answer, Denied):
        return _refused(request, found, answer, _("It is held still"))
    return redirect("approval", pk=pk)


@require_POST
def approval_review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What came of an emergency, written by a second person."""
    found = loaders.operation(viewer(request), pk)
    glass = BrokenGlass.objects.filter(subject=found.ref).select_related("team").order_by("-reviewed_at", "at").first()
    if glass is None:
        raise Http404("emergency")
    answer = break_glass.review(by=viewer(request), glass=glass, text=request.POST.get("text", "")[:2000])
    if isinstance(answer, Denied):
        return _refused(request, found, answer, _("Nothing was written"))
    return redirect("approval", pk=pk)


def _refused(request: HttpRequest, found: Operation, denied: Denied, title: str, **more: str) -> HttpResponse:
    fresh = loaders.operation(viewer(request), found.pk)
    context = page_of(viewer(request), fresh) | {"problem": refusals.problem(denied, title=title), **more}
    return render(request, "approvals/page.html", context, status=denied.status)


@require_http_methods(["GET", "HEAD", "POST"])
def approval_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The parameters of a request: all of them for who asked while it is held, some for a signer whose step says so."""
    found = loaders.operation(viewer(request), pk)
    if "parameters" not in found.arguments:
        raise Http404("parameters")
    names = edit.editable_by(viewer(request), found)
    if request.method != "POST":
        return render(request, "approvals/edit.html", _edit(found, found.arguments["parameters"], names))
    wanted = changed(found.environment.template_version, request.POST)
    reason, digest = request.POST.get("reason", "").strip(), request.POST.get("digest", "")
    if names:
        wanted = {name: value for name, value in wanted.items() if name in names}
        answer = edit.edit(by=viewer(request), operation=found, digest=digest, parameters=wanted, reason=reason)
    else:
        answer = amend.amend(by=viewer(request), operation=found, parameters=wanted, reason=reason)
    if not isinstance(answer, Denied):
        return redirect("approval", pk=pk)
    context = _edit(found, wanted, names) | {"problem": refusals.problem(answer, title=_("Nothing was changed"))}
    attach(context["rows"], answer.errors)
    return render(request, "approvals/edit.html", context | {"reason": reason}, status=answer.status)


def _edit(found: Operation, values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    living = found.environment.ready_at is not None
    rows = parameter_rows(found.environment.template_version, values, locked=living)
    return {
        "operation": found,
        "title": op_show.title(found),
        "held": Hold.objects.select_related("by").filter(operation=found, ended_at=None).first(),
        "rows": [row for row in rows if not names or row.name.removeprefix(PREFIX) in names],
        "crumbs": [
            (_("Inbox"), reverse("inbox")),
            (found.short_id, reverse("approval", args=[found.pk])),
            (_("Change the request"), None),
        ],
    }
