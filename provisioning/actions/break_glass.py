"""Going ahead without signatures in an emergency, and the review that must follow. Policy's blocks still stop it."""

from uuid import UUID

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import approvals, factors
from policies.decisions import denied_by, refuse
from policies.models import BrokenGlass, Purpose, User
from policies.models.signing import START_WITHIN
from policies.permissions import Permission, may, owners_of, people_with
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.judging import draft_of, judge_draft
from provisioning.lifecycle import move
from provisioning.models import Operation
from provisioning.signing import subject_of, waited_for
from provisioning.states import OperationStatus as S
from provisioning.wake import wake

KIND = "break_glass"
_NO_REASON = Denied("glass.reason", "reason", "An emergency needs a reason.", "Say what is broken.", status=422)


def break_glass(*, by: User, operation: Operation, digest: str, reason: str) -> Operation | Denied:
    """Let the plan with this digest begin without its signatures, within 15 minutes. Owners are paged at once.

    The requester may do it with the right; somebody else must review it afterwards.
    """
    if not storable(reason):
        return unstorable("reason")
    denied = _refused(by, operation, digest, reason)
    if denied is not None:
        return refuse(denied, by=by, subject=operation.ref, kind=KIND, team=operation.team)
    with context(by=by, operation=operation.ref, reason=reason.strip()):
        answer = _broken(by, operation.pk, digest, reason.strip())
    if isinstance(answer, Denied):
        return refuse(answer, by=by, subject=operation.ref, kind=KIND, team=operation.team)
    return answer


def _refused(by: User, operation: Operation, digest: str, reason: str) -> Denied | None:
    allowed = may(by, Permission.BREAK_GLASS, operation.environment.service)
    if isinstance(allowed, Denied):
        return allowed
    if not reason.strip():
        return _NO_REASON
    entered = factors.need(by, Purpose.BREAK_GLASS)
    waits = _not_waiting(operation, digest) if entered else entered
    if isinstance(waits, Denied):
        return waits
    ruling = judge_draft(draft_of(operation), point="request").ruling
    return None if ruling.allowed else denied_by(ruling)


def _not_waiting(operation: Operation, digest: str) -> Denied | None:
    if operation.status != S.AWAITING_APPROVAL or operation.requester is None:
        return Denied(
            "glass.waiting",
            "operation",
            f"{operation.short_id} is {S(operation.status).label}; it waits for no signature.",
            status=409,
        )
    if digest != operation.change_digest:
        fix = "Read the difference, then decide again."
        return Denied("approval.digest", "digest", "The plan changed after you opened it.", fix, status=409)
    return None


def _broken(by: User, pk: UUID, digest: str, reason: str) -> Operation | Denied:
    rows = Operation.objects.select_for_update(of=("self",)).select_related("requester", "team", "environment")
    operation = rows.get(pk=pk)
    denied = _not_waiting(operation, digest)
    if denied is not None:
        return denied
    now, subject = timezone.now(), subject_of(operation)
    missing = [{"step": waited.step, "missing": waited.missing} for waited in waited_for(operation)]
    glass = BrokenGlass.objects.create(
        subject=operation.ref,
        digest=digest,
        team=operation.team,
        requester=subject.requester,
        breaker=by,
        reason=reason,
        missing=missing,
        at=now,
        start_by=now + START_WITHIN,
    )
    data = {"digest": digest, "missing": missing, "start_by": glass.start_by, "signed": approvals.tally(subject).signed}
    record("operation.glass_broken", object=operation.ref, scope=f"team:{operation.team_id}", data=data)
    paged = {"to": _paged(operation), "by": by.username, "reason": reason, "operation": str(operation.pk)}
    emit("approval.glass_broken", payload={**paged, "urgent": True}, object=operation.ref)
    move(operation, S.QUEUED, blocked="", asked=[], remind_at=None)
    wake(operation.pool)
    return operation


def _paged(operation: Operation) -> list[str]:
    """The team's owners by whatever makes them so; platform engineers where there is none, so that somebody knows."""
    owners = people_with(Permission.MANAGE_TEAM, operation.team)
    people = owners if owners.exists() else people_with(Permission.MANAGE_ACCESS, None)
    return sorted(people.values_list("username", flat=True))


def may_review(by: User, glass: BrokenGlass) -> Denied | None:
    """Why this person may not write the review of an emergency, or None."""
    who = f"{owners_of(glass.team)}, or an approver of {glass.team.name}"
    if by.pk in (glass.breaker_id, glass.requester_id):
        reason = "You broke the glass or asked for the change, so you cannot review it."
        return Denied("glass.second_person", "reviewer", reason, "Ask somebody else.", who)
    allowed = may(by, Permission.APPROVE, glass.team) or may(by, Permission.MANAGE_APPROVAL_RULES, None)
    return allowed if isinstance(allowed, Denied) else None


def review(*, by: User, glass: BrokenGlass, text: str) -> BrokenGlass | Denied:
    """Write what came of an emergency. Once, by a second person; until then it stays open."""
    if not storable(text):
        return unstorable("review")
    denied = may_review(by, glass)
    if denied is None and not text.strip():
        denied = Denied("glass.review", "review", "A review says what happened.", "Write it down.", status=422)
    if denied is None:
        with context(by=by, reason="review of an emergency"):
            now = timezone.now()
            rows = BrokenGlass.objects.filter(pk=glass.pk, reviewed_at=None)
            if rows.update(reviewer=by, reviewed_at=now, review=text.strip()):
                record("operation.glass_reviewed", object=glass.subject, scope=f"team:{glass.team_id}")
                glass.refresh_from_db()
                return glass
        denied = Denied("glass.reviewed", "review", "It was reviewed already.", status=409)
    return refuse(denied, by=by, subject=glass.subject, kind="review", team=glass.team)
