"""The idempotent sweep of lifetimes: warn → suspend → grace → destroy. Beat only ticks it; rows decide."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import stops
from provisioning import kinds
from provisioning.actions.change import Ask, draft_for, enqueue
from provisioning.judging import judge_draft
from provisioning.lifecycle import move
from provisioning.models import Environment, Operation
from provisioning.selectors import due_for_grace, due_to_destroy, due_to_expire, due_to_repeat, due_to_warn
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.wake import wake

BATCH = 100
MOST_REPEATS = 5
REPEAT_AFTER = timedelta(minutes=1)
BY = "system:expiry"
_WHOLE = Environment.objects.select_related("service__team", "team", "owner", "target", "template_version__template")


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Do what is due now, at most `BATCH` of each. Safe to run twice at once."""
    moment = now or timezone.now()
    if stops.is_on(*stops.PAUSES_SCHEDULES):
        return {"warned": 0, "suspended": 0, "destroyed": 0, "repeated": 0}
    for pk in due_for_grace(moment)[:BATCH]:
        with context(by=BY, reason="lifetime ended"):
            Environment.objects.filter(pk=pk, status=E.SUSPENDED, expired_at=None).update(expired_at=moment)
    return {
        "warned": sum(_warn(pk, moment) for pk in due_to_warn(moment)[:BATCH]),
        "suspended": sum(_ask(pk, "suspend", moment) for pk in due_to_expire(moment)[:BATCH]),
        "destroyed": sum(_ask(pk, "destroy", moment) for pk in due_to_destroy(moment)[:BATCH]),
        "repeated": sum(_repeat(row, moment) for row in due_to_repeat(moment)[:BATCH]),
    }


def _locked(pk: UUID) -> Environment | None:
    return _WHOLE.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()


def _warn(pk: UUID, now: datetime) -> bool:
    with context(by=BY, reason="lifetime ends soon"):
        row = _locked(pk)
        if row is None or row.warned_at or row.is_prod_like or row.expires_at is None:
            return False
        Environment.objects.filter(pk=row.pk).update(warned_at=now)
        emit("environment.expiring", payload={"expires_at": row.expires_at.isoformat()}, object=row.ref)
        record("environment.warned", object=row.ref, scope=f"team:{row.team_id}", data={"name": row.name})
        return True


def _ask(pk: UUID, kind_name: str, now: datetime) -> bool:
    """Ask for suspend or destroy on behalf of the schedule, once."""
    kind = kinds.get(kind_name)
    row = _WHOLE.get(pk=pk)
    if kind is None or row.is_prod_like:
        return False
    reason = "lifetime ended" if kind_name == "suspend" else "grace time after expiry ended"
    ask = Ask(environment=row, kind=kind_name, reason=reason)
    judgement = judge_draft(draft_for(None, ask), point="request", now=now)
    if not judgement.ruling.allowed:
        return False
    with context(by=BY, reason=reason):
        locked = _locked(pk)
        if locked is None or locked.status not in kind.starts_from or _under_way(locked):
            return False
        if kind_name == "suspend":
            Environment.objects.filter(pk=pk).update(expired_at=now)
        enqueue(by=None, kind=kind, ask=ask, judgement=judgement)
        return True


def _repeat(found: Operation, now: datetime) -> bool:
    """Begin a failed suspension or destruction anew: after 1, 2, 4 … minutes, `MOST_REPEATS` times.

    The last failure is told once, and people go on from there.
    """
    with context(by=BY, operation=found.ref, reason="the lifetime is over and it failed"):
        environment = _locked(found.environment_id)
        row = Operation.objects.select_for_update(of=("self",)).select_related("team").get(pk=found.pk)
        if environment is None or row.status != S.FAILED or _is_newer(row) or row.retries > MOST_REPEATS:
            return False
        if row.retries == MOST_REPEATS:
            Operation.objects.filter(pk=row.pk).update(retries=MOST_REPEATS + 1)
            emit("environment.expiry_failed", payload={"kind": row.kind, "error": row.error}, object=environment.ref)
            return False
        if row.finished_at is None or now < row.finished_at + REPEAT_AFTER * 2**row.retries:
            return False
        moved = move(row, S.QUEUED, error="", failed_step="", not_before=None, attempts=0, retries=row.retries + 1)
        wake()
        return moved


def _is_newer(row: Operation) -> bool:
    """Did anybody ask for something else of the environment since?"""
    return Operation.objects.filter(environment=row.environment_id, created_at__gt=row.created_at).exists()


def _under_way(environment: Environment) -> bool:
    return Operation.objects.filter(environment=environment).exclude(status__in=TERMINAL).exists()
