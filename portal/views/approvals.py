"""The inbox and the page on which a plan is read and signed."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Case, Count, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from audit.selectors import Filters, filtered, visible
from policies import approvals as rules
from policies.models import Decision, Signature, User, Verdict
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from portal import loaders
from portal.presenters import approvals as show
from portal.presenters import operations as op_show
from portal.presenters import plans, refusals
from portal.views import second_factor
from portal.views.operations import decided
from portal.views.pages import viewer
from provisioning.actions import sign
from provisioning.models import Operation
from provisioning.selectors import waiting_for
from provisioning.states import OperationStatus as S

PAGE = 25


@require_safe
@vary_on_headers("HX-Request")
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for this person's signature, and what they asked for that waits for others."""
    user = viewer(request)
    found = Paginator(_waiting(user), PAGE).get_page(request.GET.get("page"))
    own = list(_related(Operation.objects.filter(requester=user, status=S.AWAITING_APPROVAL))[:PAGE])
    signed = signed_counts([*found, *own])
    context = {
        "crumbs": [(_("Inbox"), None)],
        "page": found,
        "rows": show.inbox_rows(found, signed),
        "own": show.inbox_rows(own, signed),
    }
    part = "list" if request.headers.get("HX-Request") else "page"
    return render(request, f"approvals/inbox_{part}.html", context)


def _waiting(user: User) -> QuerySet[Operation]:
    """Prod first, then the oldest."""
    return _related(waiting_for(user)).order_by(Case(When(tier="prod", then=0), default=1), "created_at", "pk")


def _related(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    return rows.select_related("environment", "requester", "team")


def signed_counts(found: Collection[Operation]) -> Mapping[str, int]:
    """Standing approvals of exactly the present digest, by operation."""
    digests = {operation.ref: operation.change_digest for operation in found}
    rows = Signature.objects.filter(subject__in=digests, digest__in=set(digests.values()), voided_at=None)
    counted = rows.filter(verdict=Verdict.APPROVE).order_by().values_list("subject", "digest").annotate(n=Count("pk"))
    return {subject: n for subject, digest, n in counted if digests[subject] == digest}


@require_safe
def approval(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The plan, its findings, and the panel to sign it."""
    found = loaders.operation(viewer(request), pk)
    return render(request, "approvals/page.html", _page(viewer(request), found))


@require_POST
def approval_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Approve or reject exactly the digest that was shown."""
    found = loaders.operation(viewer(request), pk)
    digest, reason = request.POST.get("digest", ""), request.POST.get("reason", "")[:2000]
    answer = _decided(viewer(request), found, request.POST.get("decision", ""), digest, reason)
    if not isinstance(answer, Denied):
        return redirect("approval", pk=pk)
    if second_factor.is_wanted(answer):
        return second_factor.ask(request, answer)
    fresh = loaders.operation(viewer(request), pk)
    context = _page(viewer(request), fresh) | {
        "problem": refusals.problem(answer, title=_("Nothing was signed")),
        "reason": reason,
        "changed": _changed(fresh, digest) if answer.rule == "approval.digest" else None,
    }
    template = "approvals/decided.html" if request.headers.get("HX-Request") else "approvals/page.html"
    return render(request, template, context, status=answer.status)


def _decided(by: User, found: Operation, decision: str, digest: str, reason: str) -> Operation | Denied:
    if decision == "approve":
        return sign.approve(by=by, operation=found, digest=digest, reason=reason)
    if decision == "reject":
        return sign.reject(by=by, operation=found, digest=digest, reason=reason)
    return Denied("approval.decision", "decision", _("Approve or reject it."), status=422)


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


def _page(user: User, found: Operation) -> dict[str, Any]:
    """Everything of the approval page."""
    signatures = list(Signature.objects.filter(subject=found.ref).select_related("signer", "team"))
    judged = Decision.objects.filter(subject=found.ref, bundle__startswith="sha256:")
    last = judged.order_by("-at", "-pk").first()
    signed = sum(1 for s in _standing(found, signatures) if s.verdict == Verdict.APPROVE)
    others = _waiting(user).exclude(pk=found.pk)
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
        "conversation": show.conversation(found, signatures),
        "next": others.first(),
        "left": others.count(),
        "may_see_environment": bool(may(user, Permission.VIEW, found.team)),
        **_signing(user, found, signatures),
    }


def _standing(found: Operation, signatures: list[Signature]) -> list[Signature]:
    return [s for s in signatures if s.digest == found.change_digest and s.voided_at is None]


def _signing(user: User, found: Operation, signatures: list[Signature]) -> dict[str, Any]:
    """Who signed, who may, and why this viewer may not."""
    standing = _standing(found, signatures)
    if found.requester_id is None or found.status != S.AWAITING_APPROVAL:
        reason = _("Nothing waits for a signature: it is %s.") % S(found.status).label.lower()
        return {"signers": show.signers(standing, [], user, timezone.now()), "why_not": reason}
    subject = sign.subject_of(found)
    allowed: Allowed | Denied = rules.may_sign(user, subject)
    return {
        "signers": show.signers(standing, rules.eligible(subject), user, timezone.now()),
        "why_not": show.why_not(allowed),
    }
