"""Approve or reject a plan. A signature is given to the digest that the signer saw, never to an intention."""

from dataclasses import dataclass
from uuid import UUID

from audit.context import context
from audit.record import record
from policies import approvals, factors
from policies.approvals import Right
from policies.decisions import refuse
from policies.models import Purpose, User, Verdict
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.lifecycle import move
from provisioning.models import Operation
from provisioning.releasing import forget_environment
from provisioning.signing import asked_of, subject_of
from provisioning.states import OperationStatus as S
from provisioning.wake import wake

__all__ = ["approve", "reject", "subject_of"]


@dataclass(frozen=True)
class Say:
    """A verdict on one digest, with the step it is meant for ("" for the first open one that the person may sign)."""

    digest: str
    verdict: str
    reason: str
    step: str = ""


def approve(*, by: User, operation: Operation, digest: str, reason: str = "", step: str = "") -> Operation | Denied:
    """Sign the plan with this digest. The last missing signature queues the operation."""
    return _decide(by, operation, Say(digest, Verdict.APPROVE, reason, step))


def reject(*, by: User, operation: Operation, digest: str, reason: str) -> Operation | Denied:
    """Refuse the plan with this digest, saying why. One rejection ends the operation."""
    if not reason.strip():
        return Denied("approval.reason", "reason", "A rejection needs a reason.", "Say what must change.", status=422)
    return _decide(by, operation, Say(digest, Verdict.REJECT, reason.strip()))


def _decide(by: User, operation: Operation, say: Say) -> Operation | Denied:
    if not storable(say.reason):
        return unstorable("reason")
    right = _right(by, operation, say)
    denied = right if isinstance(right, Denied) else _unproved(by, operation, say)
    if denied is not None:
        return refuse(denied, by=by, subject=operation.ref, kind=say.verdict, team=operation.team)
    with context(by=by, operation=operation.ref, reason=say.reason):
        answer = _locked_decision(by, operation.pk, say)
    if isinstance(answer, Denied):
        return refuse(answer, by=by, subject=operation.ref, kind=say.verdict, team=operation.team)
    return answer


def _locked_decision(by: User, pk: UUID, say: Say) -> Operation | Denied:
    operation = (
        Operation.objects.select_for_update(of=("self",)).select_related("requester", "team", "environment").get(pk=pk)
    )
    right = _right(by, operation, say)
    if isinstance(right, Denied):
        return right
    subject, verdict = subject_of(operation), say.verdict
    signed = approvals.sign_with(
        right, by=by, subject=subject, verdict=verdict, reason=say.reason, context=operation.context
    )
    if isinstance(signed, Denied):
        return signed
    _told(operation, say, right)
    if verdict == Verdict.REJECT:
        move(operation, S.REJECTED, error=say.reason[:600])
        forget_environment(operation)
        return operation
    standing = approvals.tally(subject)
    if standing.complete:
        move(operation, S.QUEUED, blocked="", asked=[], remind_at=None)
        wake(operation.pool)
    elif operation.asked != asked_of(standing):
        operation.asked = asked_of(standing)
        operation.save(update_fields=["asked"])
    return operation


def _told(operation: Operation, say: Say, right: Right) -> None:
    event = "operation.signed" if say.verdict == Verdict.APPROVE else "operation.refused_by_signer"
    absent = {"on_behalf_of": right.on_behalf_of.audit_ref} if right.on_behalf_of else {}
    data = {"digest": say.digest, "verdict": say.verdict, "step": right.step.key, **absent}
    record(event, object=operation.ref, scope=f"team:{operation.team_id}", data=data)


def _right(by: User, operation: Operation, say: Say) -> Right | Denied:
    """The right by which this person can sign this digest of this operation now, or why not."""
    if operation.requester is None or operation.status != S.AWAITING_APPROVAL:
        return Denied(
            "approval.waiting",
            "operation",
            f"{operation.short_id} is {S(operation.status).label}; nothing waits for a signature.",
            status=409,
        )
    right = approvals.right_of(by, subject_of(operation), say.step)
    if isinstance(right, Denied):
        return right
    if say.digest != operation.change_digest:
        return Denied(
            "approval.digest",
            "digest",
            f"The plan changed from {_short(say.digest)} to {_short(operation.change_digest)} after you opened it. "
            "Nothing was signed.",
            "Read the difference, then sign the new plan.",
            status=409,
        )
    return right


def _unproved(by: User, operation: Operation, say: Say) -> Denied | None:
    """Why a plan of prod is not approved without a second factor, where the organisation asks for one."""
    if say.verdict != Verdict.APPROVE or operation.tier != "prod":
        return None
    needed = factors.need(by, Purpose.SIGN_PROD)
    return needed if isinstance(needed, Denied) else None


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:6] or "nothing"
