"""Signing: who may now, for whom and in which step, and what stands. The database holds the same rules.

What must be signed is made in requirements.py, who the signers are in signers.py, whether they are enough in seats.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from policies import signers
from policies.models import BrokenGlass, Service, Signature, Team, User, Verdict
from policies.requirements import Matter, Requirement, Step, active_rules, plain, requirement_for
from policies.results import Allowed, Denied

__all__ = ["Matter", "Requirement", "active_rules", "plain", "requirement_for"]


@dataclass(frozen=True)
class Subject:
    """What is signed: a reference, a digest, who asked, who owns it, and who of the signers changed it."""

    ref: str
    digest: str
    team: Team
    requester: User
    requirement: Requirement = field(default_factory=Requirement)
    editors: tuple[int, ...] = ()
    service: Service | None = None

    @property
    def where(self) -> Service | Team:
        """Where the right to sign it is asked for: the service of the owning team, if it is of one."""
        return self.service or self.team

    @cached_property
    def people(self) -> signers.People:
        """Who belongs to each group that is asked, read once."""
        return signers.people_of({group for step in self.requirement.steps for group in step.who}, self.where)


@dataclass(frozen=True)
class Right:
    """A right to sign: in which step, standing for which groups, and for whom if it is another's right."""

    step: Step
    groups: tuple[str, ...]
    on_behalf_of: User | None = None


@dataclass(frozen=True)
class StepState:
    """How far one step is. `opens` is None while an earlier one is missing signatures."""

    step: Step
    signatures: tuple[Signature, ...]
    complete: bool
    is_open: bool
    ended_at: datetime | None = None

    @property
    def signed(self) -> int:
        return len(self.signatures)


@dataclass(frozen=True)
class Tally:
    """Approvals that stand and whose signers still may sign, against what is needed."""

    steps: tuple[StepState, ...]
    requirement: Requirement
    lacks_other: bool = False

    @property
    def signed(self) -> int:
        return sum(state.signed for state in self.steps)

    @property
    def owning(self) -> int:
        return sum(1 for state in self.steps for signature in state.signatures if signature.owning)

    @property
    def complete(self) -> bool:
        return all(state.complete for state in self.steps) and not self.lacks_other

    @property
    def open_steps(self) -> tuple[StepState, ...]:
        """What can be signed now."""
        return tuple(state for state in self.steps if state.is_open)


def valid(subject: Subject) -> Any:
    """The signatures that stand for exactly this digest."""
    return Signature.objects.filter(subject=subject.ref, digest=subject.digest, voided_at=None).exclude(
        signer_id=subject.requester.pk
    )


def tally(subject: Subject) -> Tally:
    """Count what stands, by what each signer may do now: a right lost since then counts for nothing."""
    found = list(valid(subject).filter(verdict=Verdict.APPROVE).select_related("signer", "on_behalf_of"))
    states: list[StepState] = []
    for step in subject.requirement.steps:
        counted = tuple(row for row in found if row.step == step.key and _counts(row, step, subject))
        earlier = all(state.complete for state in states if state.step.position < step.position)
        complete = earlier and _is_complete(step, counted, subject)
        ended = max((row.at for row in counted), default=None) if complete else None
        states.append(StepState(step, counted, complete, earlier and not complete, ended))
    signed = [row for state in states for row in state.signatures]
    lacks = bool(subject.editors) and all(row.signer_id in subject.editors for row in signed)
    if lacks and states and all(state.complete for state in states):
        last = states[-1]
        states[-1] = StepState(last.step, last.signatures, True, True, last.ended_at)
    return Tally(tuple(states), subject.requirement, lacks and bool(states))


def _right_of(row: Signature) -> int:
    return row.on_behalf_of_id or row.signer_id


def _counts(row: Signature, step: Step, subject: Subject) -> bool:
    """Does the signer still have the right, or the one whose right was used; and are both still here?"""
    if not row.signer.is_active or _right_of(row) == subject.requester.pk:
        return False
    return bool(signers.stands_for(_right_of(row), step.who, subject.people))


def _is_complete(step: Step, rows: Iterable[Signature], subject: Subject) -> bool:
    people = [_right_of(row) for row in rows]
    return all(
        sum(1 for person in people if signers.stands_for(person, clause.who, subject.people)) >= clause.quorum
        and all(
            sum(1 for person in people if person in subject.people.get(group, frozenset())) >= few
            for group, few in clause.least.items()
        )
        for clause in step.clauses
    )


def eligible(subject: Subject) -> list[User]:
    """Everybody whose right is asked for in any step, never the requester."""
    return _users(subject, {group for step in subject.requirement.steps for group in step.who})


def _users(subject: Subject, groups: Iterable[str]) -> list[User]:
    wanted = {person for group in groups for person in subject.people.get(group, frozenset())}
    return list(User.objects.filter(pk__in=wanted - {subject.requester.pk}).order_by("full_name", "pk"))


def still_asked(subject: Subject, state: StepState) -> list[User]:
    """Who may still sign an open step."""
    done = {person for row in valid(subject) for person in (row.signer_id, row.on_behalf_of_id)}
    return [person for person in _users(subject, state.step.who) if person.pk not in done]


def may_sign(user: User, subject: Subject, step: str = "") -> Allowed | Denied:
    """May this person sign this now? The requester may not, whatever their roles."""
    right = right_of(user, subject, step)
    return right if isinstance(right, Denied) else Allowed()


def right_of(user: User, subject: Subject, step: str = "") -> Right | Denied:
    """The person's own right in an open step (the named one), else that of somebody they stand in for."""
    if user.pk == subject.requester.pk:
        return _denied(
            user, subject, "not_requester", "You asked for this, so you cannot sign it.", "Ask another approver."
        )
    rows = list(valid(subject).select_related("signer"))
    used = {_right_of(row): row.signer for row in rows}
    if any(row.signer_id == user.pk for row in rows) or user.pk in used:
        mine = used.get(user.pk, user)
        reason = "You have signed this plan" if mine.pk == user.pk else f"{mine} has signed for you"
        return _denied(user, subject, "once", f"{reason} already.", "Another person must sign.", 409)
    standing = tally(subject)
    opened = [state.step for state in standing.open_steps if step in ("", state.step.key)]
    for right in _rights(user, subject, opened):
        if (right.on_behalf_of or user).pk not in used:
            return right
    return _no_right(user, subject, standing)


def _rights(user: User, subject: Subject, steps: list[Step]) -> Iterable[Right]:
    absent = [p for p in signers.stood_for(user, subject.team) if p.pk != subject.requester.pk]
    for person in ([user] if user.is_active else []) + (absent if user.is_active else []):
        for step in steps:
            groups = signers.stands_for(person.pk, step.who, subject.people)
            if groups:
                yield Right(step, tuple(groups), None if person.pk == user.pk else person)


def _no_right(user: User, subject: Subject, standing: Tally) -> Denied:
    mine = [s for s in standing.steps if user.is_active and signers.stands_for(user.pk, s.step.who, subject.people)]
    later = next((state for state in mine if not state.complete and not state.is_open), None)
    if later is not None:
        names = ", ".join(s.step.name for s in standing.open_steps)
        reason = f"{later.step.name} opens when {names} is complete."
        return _denied(user, subject, "step_open", reason, "Wait for the earlier step.", 409)
    if mine and not any(state.is_open for state in mine):
        reason = f"{mine[-1].step.name} has all its signatures; what is missing is not yours to give."
        return _denied(user, subject, "step_done", reason, "Leave it to those who are asked.", 409)
    return _denied(
        user,
        subject,
        "approver",
        f"{user} is no approver of {subject.team.name}.",
        "It needs the role approver or owner.",
    )


def _denied(user: User, subject: Subject, rule: str, reason: str, fix: str, status: int = 403) -> Denied:
    others = [str(person) for person in eligible(subject) if person.pk != user.pk]
    who = " or ".join(others) or "A platform engineer can make somebody approver"
    if rule == "once":
        who = ""
    return Denied(f"approval.{rule}", "signer", reason, fix, who, status)


def sign(*, by: User, subject: Subject, verdict: str, reason: str, context: Mapping[str, Any]) -> Allowed | Denied:
    """Write one signature with the person's right. Call inside an audit context; the constraints decide races."""
    right = right_of(by, subject)
    if isinstance(right, Denied):
        return right
    return sign_with(right, by=by, subject=subject, verdict=verdict, reason=reason, context=context)


def sign_with(
    right: Right, *, by: User, subject: Subject, verdict: str, reason: str, context: Mapping[str, Any]
) -> Allowed | Denied:
    """Write one signature with this right. Call inside an audit context; the constraints decide races."""
    try:
        with transaction.atomic():
            Signature.objects.create(
                subject=subject.ref,
                digest=subject.digest,
                team=subject.team,
                signer=by,
                requester=subject.requester,
                on_behalf_of=right.on_behalf_of,
                verdict=verdict,
                step=right.step.key,
                groups=list(right.groups),
                owning=f"team:{subject.team.slug}" in right.groups,
                reason=reason,
                context=dict(context),
            )
    except IntegrityError:
        return Denied(
            "approval.once",
            "signer",
            "You have signed this plan already.",
            "Another person must sign.",
            "",
            409,
        )
    return Allowed()


def void(*, ref: str, reason: str) -> int:
    """Void every standing signature of a subject, saying why. Call inside an audit context."""
    return Signature.objects.filter(subject=ref, voided_at=None).update(voided_at=timezone.now(), void_reason=reason)


def void_lost(subject: Subject) -> list[str]:
    """Void what does not count any more, saying why; who had signed. Call inside an audit context."""
    counted = {row.pk for state in tally(subject).steps for row in state.signatures}
    names: list[str] = []
    rows = valid(subject).filter(verdict=Verdict.APPROVE).exclude(pk__in=counted)
    for row in rows.select_related("signer", "on_behalf_of"):
        names.append(str(row.signer))
        reason = f"{row.on_behalf_of or row.signer} may not sign {row.step.partition(':')[2]} any more."
        Signature.objects.filter(pk=row.pk).update(voided_at=timezone.now(), void_reason=reason)
    return names


def glass_of(subject: Subject, now: datetime | None = None) -> BrokenGlass | None:
    """The emergency under which this very plan may begin now without its signatures."""
    moment = now or timezone.now()
    return BrokenGlass.objects.filter(subject=subject.ref, digest=subject.digest, start_by__gt=moment).first()
