"""The idempotent sweep of lifetimes: warn → suspend → grace → destroy. Beat only ticks it; rows decide."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from provisioning import kinds
from provisioning.actions.change import Ask, draft_for, enqueue
from provisioning.judging import judge_draft
from provisioning.models import Environment, Operation
from provisioning.selectors import due_for_grace, due_to_destroy, due_to_expire, due_to_warn
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E

BATCH = 100
BY = "system:expiry"
_WHOLE = Environment.objects.select_related("service__team", "team", "owner", "target", "template_version__template")


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Do what is due now, at most `BATCH` of each. Safe to run twice at once."""
    moment = now or timezone.now()
    for pk in due_for_grace(moment)[:BATCH]:
        with context(by=BY, reason="lifetime ended"):
            Environment.objects.filter(pk=pk, status=E.SUSPENDED, expired_at=None).update(expired_at=moment)
    return {
        "warned": sum(_warn(pk, moment) for pk in due_to_warn(moment)[:BATCH]),
        "suspended": sum(_ask(pk, "suspend", moment) for pk in due_to_expire(moment)[:BATCH]),
        "destroyed": sum(_ask(pk, "destroy", moment) for pk in due_to_destroy(moment)[:BATCH]),
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


def _under_way(environment: Environment) -> bool:
    return Operation.objects.filter(environment=environment).exclude(status__in=TERMINAL).exists()
