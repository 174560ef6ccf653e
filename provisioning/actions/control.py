"""Cancel and retry an operation, and extend or end an environment's life."""

from datetime import datetime

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.decisions import refuse
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Denied
from provisioning import costs, holdings, kinds, lifetimes, reclaim, states
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import OverBudget
from provisioning.holdings import Full
from provisioning.lifecycle import move, move_environment
from provisioning.models import Environment, Operation
from provisioning.releasing import forget_environment
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.wake import wake


def cancel(*, by: User, operation: Operation, reason: str = "") -> Operation | Denied:
    """Stop an operation: at once while it waits, after its present step when it runs, undoing what it made."""
    if not storable(reason):
        return unstorable("reason")
    allowed = may(by, kinds.of(operation).permission, operation.environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=operation.ref, kind="cancel", team=operation.team)
    with context(by=by, operation=operation.ref, reason=reason):
        operation = (
            Operation.objects.select_for_update(of=("self",)).select_related("environment", "team").get(pk=operation.pk)
        )
        if operation.status in states.WAITING and move(operation, S.CANCELLED):
            forget_environment(operation)
            return operation
        if _can_still_stop(operation):
            Operation.objects.filter(pk=operation.pk).update(cancel_requested_at=timezone.now())
            record("operation.cancel_requested", object=operation.ref, scope=f"team:{operation.team_id}")
            operation.refresh_from_db()
            return operation
    denied = Denied(
        "operation.cancellable",
        "operation",
        f"{operation.short_id} is {S(operation.status).label}; it cannot be cancelled any more.",
        status=409,
    )
    return refuse(denied, by=by, subject=operation.ref, kind="cancel", team=operation.team)


def _can_still_stop(operation: Operation) -> bool:
    """While it works; while it undoes, a first request counts too, because its end can be forced only after one."""
    undoing = operation.status in {S.FAILING, S.CANCELLING} and operation.cancel_requested_at is None
    return undoing or operation.status in {S.RUNNING, S.VERIFYING}


def retry(*, by: User, operation: Operation) -> Operation | Denied:
    """Run a failed operation again from its failed step, under the plan that was signed."""
    allowed = may(by, kinds.of(operation).permission, operation.environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=operation.ref, kind="retry", team=operation.team)
    try:
        with context(by=by, operation=operation.ref):
            rows = Operation.objects.select_for_update(of=("self",)).select_related("environment", "team")
            row = rows.get(pk=operation.pk)
            denied = _not_retryable(row)
            if denied is None:
                _again(row)
                return row
    except Full as full:
        denied = reclaim.refusal(by, full.short, operation.team)
    return refuse(denied, by=by, subject=operation.ref, kind="retry", team=operation.team)


def _again(row: Operation) -> None:
    """Raises Full when what it gave back meanwhile has no room any more."""
    move(row, S.QUEUED, error="", not_before=None, attempts=0, cancel_requested_at=None, failed_step="")
    if row.kind in holdings.RESIZING and (short := holdings.reserve(row.environment)):
        raise Full(short)
    wake(row.pool)


def _not_retryable(operation: Operation) -> Denied | None:
    """Only a failed operation whose environment can still be changed may run again."""
    environment = operation.environment
    if operation.status != S.FAILED:
        reason = f"{operation.short_id} is {S(operation.status).label}; only a failed operation can be retried."
    elif environment.status not in states.before(states.ENVIRONMENT, kinds.of(operation).during):
        reason = f"{environment.name} is {E(environment.status).label}; {operation.short_id} cannot run on it any more."
    else:
        return None
    return Denied("operation.retryable", "operation", reason, "Ask for the change again.", status=409)


def extend(*, by: User, environment: Environment, hours: int) -> Environment | Denied:
    """Let an environment live longer, within the maximum counted from its creation."""
    allowed = may(by, Permission.OPERATE, environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=environment.ref, kind="extend", team=environment.team)
    try:
        with context(by=by, reason=f"extended by {hours} h"):
            row = _locked_environment(environment)
            before, answer = row.expires_at, _extended(row, hours)
            if not isinstance(answer, Denied):
                costs.hold_longer(row, before)
                record("environment.extended", object=row.ref, scope=f"team:{row.team_id}", data={"hours": hours})
                return row
    except OverBudget as over:
        answer = over.denied
    return refuse(answer, by=by, subject=environment.ref, kind="extend", team=environment.team)


def end_lifetime(*, by: User, environment: Environment, at: datetime) -> Environment | Denied:
    """Let an environment's lifetime end at a moment between now and its maximum: sooner, or later."""
    allowed = may(by, Permission.OPERATE, environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=environment.ref, kind="expiry", team=environment.team)
    try:
        with context(by=by, reason=f"lifetime ends at {at.isoformat()}"):
            row = _locked_environment(environment)
            before, wrong = row.expires_at, _not_alive(row)
            if wrong is None:
                wrong = lifetimes.wrong_end(at, expires=before, now=timezone.now(), at_most=row.expires_at_most)
            if wrong is None:
                move_environment(row, row.status, expires_at=at, warned_at=None, expired_at=None)
                costs.hold_longer(row, before)
                record("environment.lifetime_set", object=row.ref, scope=f"team:{row.team_id}", data={"until": at})
                return row
    except OverBudget as over:
        wrong = over.denied
    return refuse(wrong, by=by, subject=environment.ref, kind="expiry", team=environment.team)


def _locked_environment(environment: Environment) -> Environment:
    rows = Environment.objects.select_for_update(of=("self",)).select_related("team", "service")
    return rows.get(pk=environment.pk)


def _not_alive(row: Environment) -> Denied | None:
    if row.status in {E.READY, E.SUSPENDED}:
        return None
    return Denied(
        "environment.status",
        "environment",
        f"{row.name} is {E(row.status).label}; only a running or suspended one has a lifetime to change.",
        status=409,
    )


def _extended(row: Environment, hours: int) -> Denied | None:
    dead = _not_alive(row)
    if dead is not None:
        return dead
    until = lifetimes.extended(expires=row.expires_at, hours=hours, now=timezone.now(), at_most=row.expires_at_most)
    if isinstance(until, Denied):
        return until
    move_environment(row, row.status, expires_at=until, warned_at=None, expired_at=None)
    return None
