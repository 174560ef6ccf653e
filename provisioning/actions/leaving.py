"""When somebody leaves: the account closes, their standing signatures void, and what they owned is handed on."""

from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import approvals, seats
from policies.access import leaving
from policies.access.refusals import refuse
from policies.approvals import Subject
from policies.models import Service, Signature, User
from policies.permissions import Permission, may, people_with, teams_with
from policies.results import Allowed, Denied
from provisioning.digest import sha256
from provisioning.lifecycle import move
from provisioning.models import Environment, Operation
from provisioning.selectors import waiting_for
from provisioning.signing import asked_of, subject_of, waiting_fields
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

UNDECIDED = (S.REQUESTED, S.PLANNING, S.AWAITING_APPROVAL, S.HELD, S.QUEUED)


def leave(*, by: User, person: User, reason: str) -> dict[str, int] | Denied:
    """Close the account and end every right. Signatures on what has not begun void, so that others are asked."""
    denied = leaving.may_close(by, person)
    if denied is not None:
        return refuse(denied, by=by, object=person.audit_ref)
    with context(by=by, reason=reason):
        waited = {row.pk for row in waiting_for(person)}
        ended = leaving.close(by=by, person=person, reason=reason)
        if isinstance(ended, Denied):
            return ended
        waiting = Operation.objects.filter(status__in=UNDECIDED, plan_locked_at=None).values_list("pk", flat=True)
        refs = {f"operation:{pk}": pk for pk in waiting}
        theirs = Q(signer=person) | Q(on_behalf_of=person)
        standing = Signature.objects.filter(theirs, subject__in=refs, voided_at=None)
        signed = {refs[ref] for ref in standing.values_list("subject", flat=True)}
        ended["signatures"] = standing.update(voided_at=timezone.now(), void_reason=f"{person} left.")
        _ask_others(waited, signed, person)
    return ended


def _ask_others(waited: set[UUID], signed: set[UUID], person: User) -> None:
    """Ask those who are left, and say where they are too few. What was queued by a void signature waits again."""
    answers: dict[tuple[object, ...], Allowed | Denied] = {}
    rows = Operation.objects.select_for_update(of=("self",)).select_related(
        "team", "requester", "environment__service__team"
    )
    for row in rows.filter(pk__in=waited | signed, requester__isnull=False).order_by("pk"):
        subject = subject_of(row)
        alike = (row.environment.service_id, row.requester_id, sha256(row.approval))
        if alike not in answers:
            answers[alike] = seats.satisfiable(subject)
        can = answers[alike]
        told = f"{person} left. {can.reason} {can.fix}"[:300] if isinstance(can, Denied) else ""
        if row.pk in signed:
            _count_anew(row, subject, told or f"{person} left, so another signature is needed.")
        if told and row.status == S.AWAITING_APPROVAL:
            Operation.objects.filter(pk=row.pk).update(blocked=told)


def _count_anew(row: Operation, subject: Subject, told: str) -> None:
    standing = approvals.tally(subject)
    if row.status in (S.AWAITING_APPROVAL, S.HELD):
        Operation.objects.filter(pk=row.pk).update(asked=asked_of(standing))
    elif row.status == S.QUEUED and not standing.complete and approvals.glass_of(subject) is None:
        move(row, S.AWAITING_APPROVAL, blocked=told, **waiting_fields(row, subject.requirement, standing))


def orphaned(user: User) -> QuerySet[Environment]:
    """Live environments that the person may see, whose owner left or belongs to their team no longer."""
    teams = teams_with(user, Permission.VIEW)
    living = Environment.objects.filter(team__in=teams).exclude(status=E.DESTROYED)
    belongs = living.filter(owner__is_active=True, owner__memberships__team_id=F("team_id"))
    return living.exclude(pk__in=belongs.values("pk")).select_related("owner", "team", "service")


def unowned_services(user: User) -> QuerySet[Service]:
    """Services that the person may see, of teams in which nobody is owner."""
    return Service.objects.filter(
        team__in=leaving.teams_without_owner().filter(pk__in=teams_with(user, Permission.VIEW).values("pk"))
    ).select_related("team")


def unowned_machines(user: User) -> QuerySet[User]:
    """Service accounts that still act, of teams that the person may see and in which nobody is owner."""
    bare = leaving.teams_without_owner().filter(pk__in=teams_with(user, Permission.VIEW).values("pk"))
    return User.objects.filter(is_service=True, is_active=True, owning_team__in=bare).select_related("owning_team")


def transfer(*, by: User, environment: Environment, to: User, reason: str) -> Environment | Denied:
    """Make somebody who may operate it the environment's owner."""
    denied = _not_handed(by, environment, to)
    if denied is not None:
        return refuse(denied, by=by, object=environment.ref, where=environment.team)
    with context(by=by, reason=reason):
        data = {"from": str(environment.owner), "to": str(to)}
        Environment.objects.filter(pk=environment.pk).update(owner=to)
        record("environment.transferred", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    environment.refresh_from_db()
    return environment


def _not_handed(by: User, environment: Environment, to: User) -> Denied | None:
    allowed = may(by, Permission.MANAGE_ACCESS, environment.team) or may(by, Permission.MANAGE_TEAM, environment.team)
    if isinstance(allowed, Denied) and environment.owner_id != by.pk:
        return allowed
    if environment.status == E.DESTROYED:
        return Denied("transfer.live", "environment", "It is destroyed.", "Nothing is to be handed on.", status=409)
    if not people_with(Permission.OPERATE, environment.service).filter(pk=to.pk).exists():
        reason = f"{to} may not operate environments of {environment.team}."
        return Denied("transfer.operator", "to", reason, "Choose somebody of the team.", "You", status=422)
    return None
