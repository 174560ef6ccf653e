"""Approve or reject a plan. A signature is given to the digest that the signer saw, never to an intention."""

from uuid import UUID

from audit.context import context
from audit.record import record
from policies import approvals, factors
from policies.approvals import Subject
from policies.decisions import refuse
from policies.models import Purpose, User, Verdict
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.lifecycle import move
from provisioning.models import Operation
from provisioning.releasing import forget_environment
from provisioning.states import OperationStatus as S
from provisioning.wake import wake


def subject_of(operation: Operation) -> Subject:
    """What a signature for this operation is given to. Only for operations a person asked for."""
    if operation.requester is None:
        raise ValueError("an operation from a schedule is never signed")
    return Subject(
        ref=operation.ref,
        digest=operation.change_digest,
        team=operation.team,
        requester=operation.requester,
        requirement=approvals.Requirement.from_json(operation.approval)
        if operation.approval
        else approvals.Requirement(),
    )


def approve(*, by: User, operation: Operation, digest: str, reason: str = "") -> Operation | Denied:
    """Sign the plan with this digest. The last missing signature queues the operation."""
    return _decide(by, operation, digest, Verdict.APPROVE, reason)


def reject(*, by: User, operation: Operation, digest: str, reason: str) -> Operation | Denied:
    """Refuse the plan with this digest, saying why. One rejection ends the operation."""
    if not reason.strip():
        return Denied("approval.reason", "reason", "A rejection needs a reason.", "Say what must change.", status=422)
    return _decide(by, operation, digest, Verdict.REJECT, reason.strip())


def _decide(by: User, operation: Operation, digest: str, verdict: str, reason: str) -> Operation | Denied:
    if not storable(reason):
        return unstorable("reason")
    denied = _stopped(by, operation, digest)
    if denied is None and verdict == Verdict.APPROVE and operation.tier == "prod":
        denied = _unproved(by)
    if denied is not None:
        return refuse(denied, by=by, subject=operation.ref, kind=verdict, team=operation.team)
    with context(by=by, operation=operation.ref, reason=reason):
        answer = _locked_decision(by, operation.pk, digest, verdict, reason)
    if isinstance(answer, Denied):
        return refuse(answer, by=by, subject=operation.ref, kind=verdict, team=operation.team)
    return answer


def _locked_decision(by: User, pk: UUID, digest: str, verdict: str, reason: str) -> Operation | Denied:
    operation = (
        Operation.objects.select_for_update(of=("self",)).select_related("requester", "team", "environment").get(pk=pk)
    )
    denied = _stopped(by, operation, digest)
    if denied is not None:
        return denied
    subject = subject_of(operation)
    signed = approvals.sign(by=by, subject=subject, verdict=verdict, reason=reason, context=operation.context)
    if isinstance(signed, Denied):
        return signed
    scope = f"team:{operation.team_id}"
    event = "operation.signed" if verdict == Verdict.APPROVE else "operation.refused_by_signer"
    record(event, object=operation.ref, scope=scope, data={"digest": digest, "verdict": verdict})
    if verdict == Verdict.REJECT:
        move(operation, S.REJECTED, error=reason[:600])
        forget_environment(operation)
    elif approvals.tally(subject).complete:
        move(operation, S.QUEUED, blocked="")
        wake(operation.pool)
    return operation


def _stopped(by: User, operation: Operation, digest: str) -> Denied | None:
    """Why this person cannot sign this digest of this operation now, or None."""
    if operation.requester is None or operation.status != S.AWAITING_APPROVAL:
        return Denied(
            "approval.waiting",
            "operation",
            f"{operation.short_id} is {S(operation.status).label}; nothing waits for a signature.",
            status=409,
        )
    allowed = approvals.may_sign(by, subject_of(operation))
    if isinstance(allowed, Denied):
        return allowed
    if digest != operation.change_digest:
        return Denied(
            "approval.digest",
            "digest",
            f"The plan changed from {_short(digest)} to {_short(operation.change_digest)} after you opened it. "
            "Nothing was signed.",
            "Read the difference, then sign the new plan.",
            status=409,
        )
    return None


def _unproved(by: User) -> Denied | None:
    """Why a plan of prod is not approved without a second factor, where the organisation asks for one."""
    needed = factors.need(by, Purpose.SIGN_PROD)
    return needed if isinstance(needed, Denied) else None


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:6] or "nothing"
