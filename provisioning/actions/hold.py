"""Ask the requester before signing, send a plan back, answer, take it up again. Changing what was asked: amend.py.

The time to sign in stands still while an operation is held, and goes on with what was left of it afterwards.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import approvals
from policies.decisions import refuse
from policies.models import User
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.lifecycle import move
from provisioning.models import Hold, Operation
from provisioning.signing import subject_of
from provisioning.states import OperationStatus as S

LONGEST = 2000


@dataclass(frozen=True)
class Say:
    """What a signer asks or wants changed, of the plan with this digest."""

    digest: str
    text: str


def hold(*, by: User, operation: Operation, say: Say) -> Operation | Denied:
    """Ask the requester a question; nobody can sign until it is answered or taken back."""
    return _begun(by, operation, Hold.Kind.QUESTION, say)


def send_back(*, by: User, operation: Operation, say: Say) -> Operation | Denied:
    """Give the request back to be changed, answered or cancelled by its requester."""
    return _begun(by, operation, Hold.Kind.BACK, say)


def answer(*, by: User, operation: Operation, text: str) -> Operation | Denied:
    """The requester's answer, which sends the same plan to its signers again."""
    return _ended(by, operation, Hold.Ending.ANSWERED, text)


def resume(*, by: User, operation: Operation, text: str = "") -> Operation | Denied:
    """A signer takes the question or the return back; the plan waits for signatures again."""
    return _ended(by, operation, Hold.Ending.RESUMED, text)


def _begun(by: User, operation: Operation, kind: str, say: Say) -> Operation | Denied:
    wrong = wrong_text(say.text, "reason", "Say what you need to know, or what must change.")
    if wrong is not None:
        return wrong
    denied = _not_holdable(by, operation, say.digest)
    if denied is None:
        with context(by=by, operation=operation.ref, reason=say.text):
            row = locked().get(pk=operation.pk)
            denied = _not_holdable(by, row, say.digest)
            if denied is None:
                return _held(by, row, kind, say)
    return refuse(denied, by=by, subject=operation.ref, kind=kind, team=operation.team)


def _held(by: User, row: Operation, kind: str, say: Say) -> Operation:
    left = None
    if row.approval_expires_at is not None:
        left = max(0, int((row.approval_expires_at - timezone.now()).total_seconds()))
    asked = {"team": row.team, "requester": row.requester, "digest": say.digest, "text": say.text.strip()}
    Hold.objects.create(operation=row, kind=kind, by=by, left_seconds=left, **asked)
    words = {"question": "Asked", "back": "Sent back"}[kind]
    moved = move(row, S.HELD, approval_expires_at=None, blocked=f"{words} by {by}: {say.text.strip()}"[:300])
    assert moved  # noqa: S101 - the row is locked and waits
    event = "operation.questioned" if kind == Hold.Kind.QUESTION else "operation.sent_back"
    _tell(row, event, {"digest": say.digest, "by": by.audit_ref})
    return row


def _ended(by: User, operation: Operation, ending: str, text: str) -> Operation | Denied:
    if ending == Hold.Ending.ANSWERED or text:
        wrong = wrong_text(text, "text", "Write the answer.")
        if wrong is not None:
            return wrong
    denied = _not_endable(by, operation, ending)
    if denied is None:
        with context(by=by, operation=operation.ref, reason=text):
            row = locked().get(pk=operation.pk)
            denied = _not_endable(by, row, ending)
            if denied is None:
                _resumed(by, row, ending, text.strip())
                return row
    return refuse(denied, by=by, subject=operation.ref, kind=ending, team=operation.team)


def _resumed(by: User, row: Operation, ending: str, text: str) -> None:
    found = end_hold(row, by=by, ending=ending, text=text)
    until = None if found.left_seconds is None else timezone.now() + timedelta(seconds=found.left_seconds)
    move(row, S.AWAITING_APPROVAL, approval_expires_at=until, blocked="")
    _tell(row, f"operation.{ending}", {"by": by.audit_ref, "of": found.by.audit_ref})


def end_hold(row: Operation, *, by: User, ending: str, text: str) -> Hold:
    """End the open hold of a locked, held operation. Call inside an audit context, before it moves on."""
    found = Hold.objects.select_related("by").get(operation=row, ended_at=None)
    found.ended_at, found.ended_by, found.ending, found.answer = timezone.now(), by, ending, text
    found.save(update_fields=["ended_at", "ended_by", "ending", "answer"])
    return found


def locked() -> QuerySet[Operation]:
    """Operations with what a hold needs of them, locked when read."""
    return Operation.objects.select_for_update(of=("self",)).select_related(
        "requester", "team", "environment__service__team", "environment__template_version__template"
    )


def _tell(row: Operation, event: str, data: dict[str, Any]) -> None:
    """For the history, and for whoever tells people."""
    record(event, object=row.ref, scope=f"team:{row.team_id}", data=data)
    emit(event, payload={"kind": row.kind, "environment": str(row.environment_id), **data}, object=row.ref)


def wrong_text(text: str, field: str, fix: str) -> Denied | None:
    """Why these words cannot be kept, or None."""
    if not storable(text):
        return unstorable(field)
    if not text.strip():
        return Denied("approval.reason", field, "It needs words that can be read later.", fix, status=422)
    if len(text) > LONGEST:
        return Denied("approval.reason", field, f"At most {LONGEST} characters.", "Say it shorter.", status=422)
    return None


def _not_holdable(by: User, operation: Operation, digest: str) -> Denied | None:
    """Why this person cannot hold this digest now, or None. Who has signed may still ask."""
    if operation.requester is None or operation.status != S.AWAITING_APPROVAL:
        return not_in(operation, "only a plan that waits for signatures is asked about or sent back")
    allowed = approvals.may_sign(by, subject_of(operation))
    if isinstance(allowed, Denied) and allowed.rule != "approval.once":
        return allowed
    if digest != operation.change_digest:
        reason = "The plan changed after you opened it. Nothing was sent back."
        return Denied("approval.digest", "digest", reason, "Read the new plan first.", status=409)
    return None


def _not_endable(by: User, operation: Operation, ending: str) -> Denied | None:
    if operation.status != S.HELD:
        return not_in(operation, "nothing waits for an answer")
    if ending == Hold.Ending.ANSWERED:
        return not_requester(by, operation, "answer")
    allowed = approvals.may_sign(by, subject_of(operation))
    return allowed if isinstance(allowed, Denied) and allowed.rule != "approval.once" else None


def not_in(operation: Operation, words: str) -> Denied:
    """What is said when the operation is elsewhere in its life."""
    reason = f"{operation.short_id} is {S(operation.status).label}; {words}."
    return Denied("approval.waiting", "operation", reason, "Open the operation to see what it waits for.", status=409)


def not_requester(by: User, operation: Operation, act: str) -> Denied | None:
    """Only who asked may answer for, or change, what was asked."""
    if operation.requester_id == by.pk:
        return None
    reason = f"Only who asked can {act} this request."
    return Denied("approval.requester", "requester", reason, "Write a comment instead.", str(operation.requester))
