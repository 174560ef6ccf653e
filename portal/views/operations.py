"""The operation page, its tabs, its polled log, cancel and retry. Live events are streams.py's work."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from audit.models import AuditEvent
from audit.selectors import Filters, filtered, visible
from observability import usual
from observability.waiting import place_in_queue
from policies import approvals
from policies.decisions import as_finding
from policies.engine import BLOCKING
from policies.models import Decision, Signature, User
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.presenters import events, plans, refusals, talk, waiting
from portal.presenters import operations as show
from portal.presenters.operations import Rights
from portal.views.pages import viewer
from provisioning import closures, kinds, states
from provisioning.actions import control, recovery
from provisioning.closures import Closure
from provisioning.models import Operation
from provisioning.signing import subject_of
from provisioning.states import OperationStatus as S

TABS = ("log", "plan", "decisions", "approvals", "timeline")
MOST_LINES = 1000


@require_safe
@vary_on_headers("HX-Request")
def operation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page; for htmx only the parts that change while it runs."""
    found = loaders.operation(viewer(request), pk)
    asked = request.GET.get("tab", "")
    tab = asked if asked in TABS else default_tab(found)
    template = "operations/live.html" if request.headers.get("HX-Request") else "operations/page.html"
    step = request.GET.get("step", found.failed_step if found.status in states.TERMINAL and not asked else "")[:40]
    return render(request, template, page(viewer(request), found, tab, step))


@require_safe
def operation_tab(request: HttpRequest, pk: UUID, tab: str) -> HttpResponse:
    """The page with another tab open."""
    if tab not in TABS:
        raise Http404(tab)
    found = loaders.operation(viewer(request), pk)
    return render(request, "operations/page.html", page(viewer(request), found, tab))


@require_POST
def operation_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop it now, or after its present step."""
    found = loaders.operation(viewer(request), pk)
    answer = control.cancel(by=viewer(request), operation=found, reason=request.POST.get("reason", ""))
    return _answered(request, found, answer, _("Not cancelled"))


@require_POST
def operation_force(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End it without its worker."""
    found = loaders.operation(viewer(request), pk)
    reason = request.POST.get("reason", "").strip()
    answer = recovery.force_cancel(by=viewer(request), operation=found, reason=reason)
    return _answered(request, found, answer, _("Not forced"))


@require_POST
def operation_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Run a failed one again from its failed step."""
    found = loaders.operation(viewer(request), pk)
    return _answered(request, found, control.retry(by=viewer(request), operation=found), _("Not started again"))


def _answered(request: HttpRequest, found: Operation, answer: Operation | Denied, title: str) -> HttpResponse:
    if not isinstance(answer, Denied):
        return redirect("operation", pk=found.pk)
    fresh = loaders.operation(viewer(request), found.pk)
    context = page(viewer(request), fresh, default_tab(fresh)) | {"problem": refusals.problem(answer, title=title)}
    return render(request, "operations/page.html", context, status=answer.status)


@require_safe
def operation_log(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Lines after `?after=` with the parts that change; `?raw=1` is the whole log as text."""
    found = loaders.operation(viewer(request), pk)
    if request.GET.get("raw"):
        lines = (f"{at:%Y-%m-%dT%H:%M:%S.%fZ} {line}\n" for at, line in found.log.values_list("at", "line"))
        return HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")
    rows = list(found.log.filter(pk__gt=after_of(request))[:MOST_LINES])
    context = page(viewer(request), found, "log") | {"lines": show.log_lines(rows), "after": last_id(rows, request)}
    return render(request, "operations/log_poll.html", context)


def after_of(request: HttpRequest) -> int:
    """The id of the last line that the reader has; the header of a resumed stream comes first."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return min(int(text), 2**63 - 1) if text.isascii() and text.isdigit() else 0


def last_id(rows: list[Any], request: HttpRequest) -> int:
    """Where the next poll goes on."""
    return rows[-1].pk if rows else after_of(request)


def default_tab(found: Operation) -> str:
    """A refused one opens on the rules that refused it, one to be signed on its plan."""
    return {S.DENIED.value: "decisions", S.AWAITING_APPROVAL.value: "plan"}.get(found.status, "log")


def live(user: User, found: Operation) -> dict[str, Any]:
    """What changes while an operation runs: pill, manifest, steps, queue, buttons, what happens next."""
    rows, now = list(found.steps.all()), timezone.now()
    times = usual.step_seconds([row.name for row in rows]) if rows else {}
    signed = _signed(found)
    rights, waits = rights_of(user, found), [each.seen_by(user) for each in waiting.waits_of(found)]
    return {
        "operation": found,
        "pill": show.pill_of(found),
        "detail": show.detail(found, rows, signed),
        "manifest": show.manifest(found, usual=sum(times.values()), signed=signed, now=now),
        "steps": show.steps(rows, times, now=now),
        "queue": show.queue(place_in_queue(found)),
        "actions": show.actions(found, rights),
        "waits": waits,
        "next_words": show.next_words(found, rights, waits, now, _closed(found, now)),
        "force": show.force(found, recovery.force_at(found), recovery.may_force(user, found), now=now),
        "healing": show.healing(found),
        "orphans": found.orphans.filter(removed_at=None).count() if found.finished_at else 0,
        "running": found.status not in states.TERMINAL,
    }


def rights_of(user: User, found: Operation) -> Rights:
    """What the rules say of this viewer and this operation."""
    kind = kinds.of(found)
    waits = found.status == S.AWAITING_APPROVAL and found.requester_id is not None
    return Rights(
        change=may(user, kind.permission, found.environment.service),
        sign=approvals.may_sign(user, subject_of(found)) if waits else None,
    )


def _closed(found: Operation, now: datetime) -> Closure | None:
    """What would hold it once it is signed; of what is queued its place in the queue tells."""
    return closures.of(found, now) if found.status == S.AWAITING_APPROVAL else None


def _signed(found: Operation) -> int:
    return approvals.tally(subject_of(found)).signed if found.requester_id and found.signatures_needed else 0


def page(user: User, found: Operation, tab: str, step: str = "") -> dict[str, Any]:
    """Everything of the page with one tab open; the log of one step where `step` names it."""
    told = timeline_of(found)
    decisions = list(Decision.objects.filter(subject=found.ref).order_by("-at", "-pk"))
    signatures = list(Signature.objects.filter(subject=found.ref).select_related("signer", "team"))
    counts = {
        "log": found.log.count(),
        "decisions": sum(len(d.findings) + len(d.passed) for d in decisions[:1]),
        "approvals": len(signatures),
        "timeline": len(told),
    }
    return live(user, found) | {
        "title": show.title(found),
        "crumbs": show.crumbs(found),
        "tab": tab,
        "tabs": show.tabs(found, tab, counts),
        "counts": counts,
        "may_see_environment": bool(may(user, Permission.VIEW, found.environment.service)),
        **(_log_part(found, step) if tab == "log" else _tab_parts(found, tab, decisions, signatures, told)),
    }


def _log_part(found: Operation, step: str) -> dict[str, Any]:
    """The newest lines; of one step where it is named."""
    rows = list(found.log.order_by("-pk")[:MOST_LINES])[::-1]
    of_step = [row for row in rows if step and row.step == step]
    said = {"lines": show.log_lines(of_step or rows), "after": rows[-1].pk if rows else 0}
    return said | {"log_step": step if of_step else ""}


def _tab_parts(
    found: Operation, tab: str, decisions: list[Decision], signatures: list[Signature], told: list[AuditEvent]
) -> dict[str, Any]:
    if tab == "plan":
        return {"changes": plans.changes(found.plan), "plan_counts": plans.counts(found.plan)}
    if tab == "decisions":
        return {"decisions": [decided(decision) for decision in decisions]}
    if tab == "approvals":
        return {"signatures": signatures, "conversation": talk.conversation(found)}
    return {"events": events.timeline(told, names_of(found))}


def decided(decision: Decision) -> dict[str, Any]:
    """A recorded decision with its findings, blocking ones first."""
    findings = sorted(
        (as_finding(row) for row in decision.findings), key=lambda f: (f.severity not in BLOCKING, f.rule)
    )
    return {
        "row": decision,
        "findings": findings,
        "passed": decision.passed,
        "pass_words": show.rules_pass(len(decision.passed)),
    }


def timeline_of(found: Operation) -> list[AuditEvent]:
    """The events of an operation; whoever may see the operation may see them."""
    told = filtered(visible(None), Filters(object=found.ref, source="event"))
    return list(told.order_by("-at", "-id")[:200])


def names_of(found: Operation) -> Mapping[str, str]:
    """The names that its events speak of."""
    return {found.environment.ref: found.environment.name, found.ref: found.short_id}
