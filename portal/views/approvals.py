"""The page on which a plan is read, signed, asked about or sent back. The list is inbox.py, the talk talk.py."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from audit.selectors import Filters, filtered, visible
from policies import approvals as rules
from policies.models import BrokenGlass, Decision, Signature, User, Verdict
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from portal import loaders
from portal.presenters import approvals as show
from portal.presenters import operations as op_show
from portal.presenters import plans, refusals, talk, waiting
from portal.views import second_factor
from portal.views.operations import decided
from portal.views.pages import viewer
from provisioning.actions import amend, break_glass, edit, hold, sign
from provisioning.actions.hold import Say
from provisioning.inbox import alike, to_sign
from provisioning.models import Hold, Operation
from provisioning.signing import subject_of
from provisioning.states import OperationStatus as S


@require_safe
def approval(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The plan, its findings, and the panel to sign it."""
    found = loaders.operation(viewer(request), pk)
    return render(request, "approvals/page.html", page_of(viewer(request), found))


@require_POST
def approval_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Approve, reject, ask about or send back exactly the digest that was shown."""
    found = loaders.operation(viewer(request), pk)
    digest, reason = request.POST.get("digest", ""), request.POST.get("reason", "")[:2000]
    answer = _decided(viewer(request), found, request.POST.get("decision", ""), Say(digest, reason))
    if not isinstance(answer, Denied):
        return redirect("approval", pk=pk)
    if second_factor.is_wanted(answer):
        return second_factor.ask(request, answer)
    fresh = loaders.operation(viewer(request), pk)
    context = page_of(viewer(request), fresh) | {
        "problem": refusals.problem(answer, title=_("Nothing was signed")),
        "reason": reason,
        "changed": _changed(fresh, digest) if answer.rule == "approval.digest" else None,
    }
    template = "approvals/decided.html" if request.headers.get("HX-Request") else "approvals/page.html"
    return render(request, template, context, status=answer.status)


def _decided(by: User, found: Operation, decision: str, say: Say) -> Operation | Denied:
    if decision == "approve":
        return sign.approve(by=by, operation=found, digest=say.digest, reason=say.text)
    if decision == "reject":
        return sign.reject(by=by, operation=found, digest=say.digest, reason=say.text)
    if decision == "break":
        return break_glass.break_glass(by=by, operation=found, digest=say.digest, reason=say.text)
    if decision == "ask":
        return hold.hold(by=by, operation=found, say=say)
    if decision == "return":
        return hold.send_back(by=by, operation=found, say=say)
    return Denied("approval.decision", "decision", _("Approve or reject it, ask, or send it back."), status=422)


def _changed(found: Operation, seen: str) -> dict[str, Any]:
    """What differs between the plan that was read and the present one, from the recorded rows."""
    told = filtered(visible(None), Filters(object=found.ref, source="row", event="operation.updated"))
    for event in told.order_by("-at", "-id")[:100]:
        before = event.before or {}
        if before.get("change_digest") == seen and before.get("plan"):
            return {
                "from": seen,
                "to": found.change_digest,
                "parts": plans.difference(before["plan"], found.plan or {}),
            }
    return {"from": seen, "to": found.change_digest, "parts": []}


def page_of(user: User, found: Operation) -> dict[str, Any]:
    """Everything of the approval page."""
    signatures = list(Signature.objects.filter(subject=found.ref).select_related("signer", "team", "on_behalf_of"))
    judged = Decision.objects.filter(subject=found.ref, bundle__startswith="sha256:")
    last = judged.order_by("-at", "-pk").first()
    signed = sum(1 for s in _standing(found, signatures) if s.verdict == Verdict.APPROVE)
    others = to_sign(user).exclude(pk=found.pk)
    return {
        "operation": found,
        "crumbs": [(_("Inbox"), reverse("inbox")), (found.short_id, None)],
        "title": op_show.title(found),
        "pill": op_show.pill_of(found),
        "signed": signed,
        "manifest": show.manifest(found, signed=signed, present=found.environment.release.get("version", "")),
        "changes": plans.changes(found.plan),
        "plan_counts": plans.counts(found.plan),
        "decision": decided(last) if last else None,
        "conversation": talk.conversation(found),
        "next": others.first(),
        "left": others.count(),
        "may_see_environment": bool(may(user, Permission.VIEW, found.team)),
        **_signing(user, found, signatures),
        **_holding(user, found),
        **_emergency(user, found),
    }


def _standing(found: Operation, signatures: list[Signature]) -> list[Signature]:
    return [s for s in signatures if s.digest == found.change_digest and s.voided_at is None]


def _signing(user: User, found: Operation, signatures: list[Signature]) -> dict[str, Any]:
    """Who signed, whom it waits for, why this viewer may not sign, and how many like plans they could sign too."""
    standing, now = _standing(found, signatures), timezone.now()
    waits = waiting.waits_of(found)
    shown = {"waits": waits, "signers": show.signers(standing, waits, user, now), "may_ask": False}
    if found.requester_id is None or found.status != S.AWAITING_APPROVAL:
        return shown | {"why_not": _("Nothing waits for a signature: it is %s.") % S(found.status).label.lower()}
    allowed: Allowed | Denied = rules.may_sign(user, subject_of(found))
    if isinstance(allowed, Denied):
        return shown | {"why_not": show.why_not(allowed), "may_ask": allowed.rule == "approval.once"}
    more = [row for row in alike(user, found) if row.pk != found.pk]
    return shown | {"why_not": "", "may_ask": True, "alike": len(more)}


def _holding(user: User, found: Operation) -> dict[str, Any]:
    """The open question, and what this viewer can do about it."""
    if found.status != S.HELD or found.requester is None:
        return {"held": None}
    held = Hold.objects.select_related("by").filter(operation=found, ended_at=None).first()
    allowed = rules.may_sign(user, subject_of(found))
    may_resume = bool(allowed) or (isinstance(allowed, Denied) and allowed.rule == "approval.once")
    own = found.requester_id == user.pk
    return {
        "held": held,
        "may_answer": own,
        "may_edit": own and amend.editable(found),
        "may_resume": may_resume,
    }


def _emergency(user: User, found: Operation) -> dict[str, Any]:
    """May this viewer go ahead without signatures, or review that somebody did; which fields may they change?"""
    glass = BrokenGlass.objects.filter(subject=found.ref, reviewed_at=None).select_related("breaker", "team").first()
    waits = found.status == S.AWAITING_APPROVAL and found.requester_id is not None
    return {
        "glass": glass,
        "may_review": glass is not None and break_glass.may_review(user, glass) is None,
        "may_break": waits and bool(may(user, Permission.BREAK_GLASS, found.environment.service)),
        "may_change": edit.editable_by(user, found),
    }
