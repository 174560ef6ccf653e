"""What time does to those who wait for signatures: reminders, escalation, expiry, an emergency that did not begin."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import approvals, stops
from policies.approvals import Requirement
from policies.models import BrokenGlass, OnExpiry, SwitchName
from provisioning.lifecycle import move
from provisioning.models import Operation
from provisioning.releasing import forget_environment
from provisioning.signing import next_reminder, subject_of, waited_for, waiting_fields
from provisioning.states import OperationStatus as S

BATCH = 20
BY = "system:sweep"
# How long after read-only mode may still be signed what would have expired while nobody could.
AFTER_READ_ONLY = timedelta(hours=1)
_ROWS = Operation.objects.select_related("environment__service__team", "team", "requester")


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Do what is due, at most `BATCH` of each. Safe to run twice at once."""
    moment = now or timezone.now()
    over = _ROWS.filter(status__in=[S.AWAITING_APPROVAL, S.HELD], approval_expires_at__lte=moment)
    due = _ROWS.filter(status=S.AWAITING_APPROVAL, remind_at__lte=moment)
    ended = [_end(row.pk, moment) for row in over[:BATCH]]
    return {
        "expired": ended.count("expired"),
        "escalated": ended.count("escalated"),
        "reminded": sum(_remind(row.pk, moment) for row in due[:BATCH]),
        "lapsed": sum(_lapse(pk) for pk in _not_begun(moment)),
    }


def _locked(pk: UUID) -> Operation:
    return _ROWS.select_for_update(of=("self",)).get(pk=pk)


def _end(pk: UUID, now: datetime) -> str:
    """Nobody signed in time: ask more people, once, where the rules say so; else it expires."""
    with context(by=BY, operation=f"operation:{pk}", reason="nobody signed in time"):
        row = _locked(pk)
        if row.approval_expires_at is None or row.approval_expires_at > now:
            return ""
        silence = stops.on(now).filter(name=SwitchName.READ_ONLY).first()
        if silence is not None:
            Operation.objects.filter(pk=pk).update(approval_expires_at=silence.ends_at + AFTER_READ_ONLY)
            return ""
        need = Requirement.from_json(row.approval)
        if need.on_expiry == OnExpiry.ESCALATE and need.escalate_to and row.escalated_at is None:
            return _escalate(row, need.widened(), now)
        if not move(row, S.EXPIRED, error="It was not signed in time. Ask for it again.", asked=[], remind_at=None):
            return ""
        forget_environment(row)
        return "expired"


def _escalate(row: Operation, need: Requirement, now: datetime) -> str:
    if row.status not in (S.AWAITING_APPROVAL, S.HELD):
        return ""
    row.approval, row.escalated_at = need.as_json(), now
    fields = waiting_fields(row, need, approvals.tally(subject_of(row)))
    Operation.objects.filter(pk=row.pk).update(approval=row.approval, escalated_at=now, **fields)
    data = {"to": list(need.escalate_to), "waits_for": _waits_for(row)}
    record("operation.escalated", object=row.ref, scope=f"team:{row.team_id}", data=data)
    emit("approval.escalated", payload=data, object=row.ref)
    return "escalated"


def _waits_for(row: Operation) -> list[dict[str, object]]:
    return [
        {"step": waited.step, "people": [p.username for p in waited.people], "since": waited.since.isoformat()}
        for waited in waited_for(row)
    ]


def _remind(pk: UUID, now: datetime) -> int:
    """Tell those who are waited for, once for each stated age."""
    with context(by=BY, operation=f"operation:{pk}", reason="it waits for signatures"):
        row = _locked(pk)
        if row.status != S.AWAITING_APPROVAL or row.remind_at is None or row.remind_at > now:
            return 0
        row.reminders += 1
        need = Requirement.from_json(row.approval)
        Operation.objects.filter(pk=row.pk).update(reminders=row.reminders, remind_at=next_reminder(row, need))
        emit("approval.reminder", payload={"number": row.reminders, "waits_for": _waits_for(row)}, object=row.ref)
        return 1


def _not_begun(now: datetime) -> list[UUID]:
    """Operations queued by an emergency whose time to begin is over."""
    refs = BrokenGlass.objects.filter(start_by__lte=now).values_list("subject", flat=True)
    keys = [ref.removeprefix("operation:") for ref in refs.order_by("-start_by")[:200]]
    rows = _ROWS.filter(pk__in=keys, status=S.QUEUED, plan_locked_at=None)
    return [row.pk for row in rows if not _may_begin(row, now)]


def _may_begin(row: Operation, now: datetime) -> bool:
    subject = subject_of(row)
    return approvals.glass_of(subject, now) is not None or approvals.tally(subject).complete


def _lapse(pk: UUID) -> int:
    with context(by=BY, operation=f"operation:{pk}", reason="the emergency did not begin in time"):
        row = _locked(pk)
        if row.status != S.QUEUED or row.plan_locked_at is not None:
            return 0
        subject = subject_of(row)
        fields = waiting_fields(row, subject.requirement, approvals.tally(subject))
        blocked = "It was not begun in time after the glass was broken, so it needs its signatures again."
        return int(move(row, S.AWAITING_APPROVAL, blocked=blocked, **fields))
