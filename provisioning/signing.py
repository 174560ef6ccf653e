"""What of an operation is signed, how far that is, and who is waited for since when. Signing is actions/sign.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from policies import approvals, signers
from policies.approvals import Requirement, Subject, Tally
from policies.models import User
from provisioning.models import Operation


@dataclass(frozen=True)
class Waited:
    """One open step: who may still sign it, who may do so in their place, and since when it is open."""

    step: str
    people: tuple[User, ...]
    since: datetime
    missing: int
    stand_ins: tuple[User, ...] = ()


def subject_of(operation: Operation) -> Subject:
    """What a signature for this operation is given to. Only for operations a person asked for."""
    if operation.requester is None:
        raise ValueError("an operation from a schedule is never signed")
    return Subject(
        ref=operation.ref,
        digest=operation.change_digest,
        team=operation.team,
        requester=operation.requester,
        requirement=Requirement.from_json(operation.approval),
        editors=tuple(operation.edited_by),
        service=operation.environment.service,
    )


def asked_of(standing: Tally) -> list[str]:
    """The groups whose people may sign now."""
    return sorted({group for state in standing.open_steps for group in state.step.who})


def waited_for(operation: Operation) -> list[Waited]:
    """The open steps of an operation that waits for signatures, with whom they wait for; [] when it does not."""
    if operation.requester_id is None or operation.status not in ("awaiting_approval", "held"):
        return []
    subject = subject_of(operation)
    standing = approvals.tally(subject)
    begun = operation.awaiting_since or operation.created_at
    found: list[Waited] = []
    for state in standing.open_steps:
        earlier = [s.ended_at for s in standing.steps if s.step.position < state.step.position and s.ended_at]
        people = tuple(approvals.still_asked(subject, state))
        others = signers.stand_ins([person.pk for person in people], operation.team)
        in_place = {p.pk: p for held in others.values() for p in held if p.pk != subject.requester.pk}
        missing = max(state.step.quorum - state.signed, 1)
        found.append(Waited(state.step.name, people, max([begun, *earlier]), missing, tuple(in_place.values())))
    return found


def next_reminder(operation: Operation, need: Requirement) -> datetime | None:
    """When the signers are reminded next."""
    ages = need.remind_hours
    if operation.reminders >= len(ages) or operation.awaiting_since is None:
        return None
    return operation.awaiting_since + timedelta(hours=ages[operation.reminders])


def waiting_fields(operation: Operation, need: Requirement, standing: Tally) -> dict[str, Any]:
    """What is written when an operation begins to wait, or waits anew, for its signers."""
    now = timezone.now()
    operation.awaiting_since, operation.reminders = now, 0
    return {
        "approval_expires_at": now + timedelta(hours=need.lifetime_hours),
        "awaiting_since": now,
        "reminders": 0,
        "remind_at": next_reminder(operation, need),
        "asked": asked_of(standing),
    }
