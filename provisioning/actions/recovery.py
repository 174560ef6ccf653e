"""What people do when the ordinary way is shut: force an operation to end, look again, delete a record.

None of these asks a driver, a worker or the broker, so they work when those are gone.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import quotas
from policies.decisions import refuse
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from provisioning import kinds, ledger, states, suspicion
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers.base import DriverRejected
from provisioning.drivers.registry import driver
from provisioning.lifecycle import Lease, move, move_environment, release, seize
from provisioning.models import Environment, Operation, SecretBinding
from provisioning.releasing import forget_environment
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.wake import wake_for

FORCED = "It was force-cancelled; what it had begun was not undone."


def may_force(user: User, operation: Operation) -> Allowed | Denied:
    """Whoever may ask for the change may force its end, and so may a platform engineer."""
    allowed = may(user, kinds.of(operation).permission, operation.environment.service)
    return Allowed() if may(user, Permission.RECOVER, operation.team) else allowed


def force_at(operation: Operation) -> datetime | None:
    """From when on its end may be forced; None while nobody asked to cancel it, or when nothing is left to force."""
    if operation.status not in states.ACTIVE or operation.cancel_requested_at is None:
        return None
    return operation.cancel_requested_at + timedelta(seconds=settings.BERTH.force_cancel_seconds)


def force_cancel(*, by: User, operation: Operation, reason: str) -> Operation | Denied:
    """Take an operation from its worker and end it as failed; what its steps may have left goes to the ledger."""
    if not storable(reason):
        return unstorable("reason")
    allowed = may_force(by, operation)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=operation.ref, kind="force_cancel", team=operation.team)
    if not reason.strip():
        return _no_reason()
    with context(by=by, operation=operation.ref, reason=reason):
        rows = Operation.objects.select_for_update(of=("self",)).select_related("environment", "team")
        row = rows.get(pk=operation.pk)
        denied = _not_forcible(row)
        if denied is None:
            _force(row, by, reason)
            return row
    return refuse(denied, by=by, subject=operation.ref, kind="force_cancel", team=operation.team)


def _no_reason() -> Denied:
    return Denied("reason.given", "reason", "It needs a reason: it is recorded.", "Say why.", status=422)


def _not_forcible(operation: Operation) -> Denied | None:
    at = force_at(operation)
    if at is None:
        asked = operation.status in states.ACTIVE
        fix = "Cancel it first; if it does not stop, force it." if asked else ""
        reason = f"{operation.short_id} is {S(operation.status).label}"
        reason += ", and nobody asked to cancel it." if asked else "; nothing is left to force."
        return Denied("operation.forcible", "operation", reason, fix, status=409)
    wait = (at - timezone.now()).total_seconds()
    if wait > 0:
        reason = f"{operation.short_id} was asked to cancel a moment ago and may still stop by itself."
        return Denied("operation.forcible", "operation", reason, f"Wait {wait:.0f} s more.", status=409)
    return None


def _force(operation: Operation, by: User, reason: str) -> None:
    lease = seize(operation.pk, holder=f"forced by {by.audit_ref}")
    if operation.status in {S.RUNNING, S.VERIFYING}:
        move(operation, S.CANCELLING)
    touched = operation.steps.exclude(status="pending").exists()
    left = ledger.list_left(operation, [(a, f"{FORCED} It may be there.") for a in ledger.touched_by(operation)])
    move(operation, S.FAILED, error=f"{FORCED} {by}: {reason}"[:600], data={"forced": True})
    if touched:
        move_environment(operation.environment, E.FAILED, fence=lease.fence)
        suspicion.mark(operation.environment_id, cause=suspicion.SUSPECTED, reason=f"{operation.short_id} was forced.")
    else:
        forget_environment(operation)
    record(
        "operation.forced",
        object=operation.ref,
        scope=f"team:{operation.team_id}",
        data={"kind": operation.kind, "left": left, "reason": reason[:300]},
    )
    emit("operation.failed", payload={"kind": operation.kind, "error": operation.error}, object=operation.ref)
    release(Lease(operation.pk, lease.holder, lease.fence))
    wake_for(operation.environment_id)


def check_now(*, by: User, environment: Environment) -> Environment | Denied:
    """Ask for a look at what is there; a worker compares it with the record and keeps the result."""
    allowed = may(by, Permission.VIEW, environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=environment.ref, kind="check", team=environment.team)
    if environment.ready_at is None or environment.status not in {E.READY, E.SUSPENDED, E.FAILED}:
        reason = f"{environment.name} is {E(environment.status).label}; there is nothing to compare it with."
        denied = Denied("environment.recorded", "environment", reason, "Wait until it is ready.", status=409)
        return refuse(denied, by=by, subject=environment.ref, kind="check", team=environment.team)
    with context(by=by):
        suspicion.mark(environment.pk, cause=suspicion.ASKED, reason=f"{by} asked to check it.")
        record("environment.check_asked", object=environment.ref, scope=f"team:{environment.team_id}")
    return environment


def delete_record(*, by: User, environment: Environment, reason: str, confirm: str) -> Environment | Denied:
    """Retire an environment that no driver can destroy any more; its resources stay and are listed in the ledger."""
    if not storable([reason, confirm]):
        return unstorable("reason")
    allowed = may(by, Permission.MANAGE_TEAM, environment.team) or may(by, Permission.RECOVER, environment.team)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=environment.ref, kind="delete_record", team=environment.team)
    if not reason.strip():
        return _no_reason()
    with context(by=by, reason=reason):
        rows = Environment.objects.select_for_update(of=("self",)).select_related("team")
        row = rows.get(pk=environment.pk)
        denied = _not_deletable(row, confirm)
        if denied is None:
            _delete(row, reason)
            return row
    return refuse(denied, by=by, subject=environment.ref, kind="delete_record", team=environment.team)


def _not_deletable(environment: Environment, confirm: str) -> Denied | None:
    name, status = environment.name, E(environment.status)
    if status == E.DESTROYED:
        return Denied("environment.status", "environment", f"{name} is {status.label} already.", status=409)
    if environment.operations.filter(status__in=states.ACTIVE).exists():
        fix = "Cancel the operation; if it does not stop, force it."
        return Denied("environment.idle", "environment", f"An operation works on {name}.", fix, status=409)
    if not is_out_of_reach(environment):
        reason = f"The driver {environment.driver} is installed and can destroy {name}."
        return Denied("environment.unreachable", "environment", reason, "Destroy it.", status=409)
    if confirm != name:
        reason = "Deleting the record and leaving the resources needs the name typed."
        return Denied("environment.confirm", "confirm", reason, f"Type {name}.", status=422)
    return None


def is_out_of_reach(environment: Environment) -> bool:
    """Is its driver gone, or did it fail to destroy it?"""
    try:
        driver(environment.driver)
    except DriverRejected:
        return True
    last = environment.operations.order_by("-created_at").first()
    return last is not None and last.kind == "destroy" and last.status == S.FAILED


def _delete(environment: Environment, reason: str) -> None:
    for waiting in environment.operations.filter(status__in=states.WAITING).select_related("team", "environment"):
        move(waiting, S.CANCELLED, error="The record of its environment was deleted.")
    environment.refresh_from_db(fields=["status"])
    last = environment.operations.select_related("environment", "team").order_by("-created_at").first()
    listed = ledger.recorded(environment)
    said = f"The record was deleted and this was left: {reason}"
    left = ledger.list_left(last, [(a, said) for a in listed], automatic=False) if last is not None else 0
    if environment.status in {E.READY, E.SUSPENDED}:
        move_environment(environment, E.DESTROYING)
    if environment.status == E.CHANGING:
        move_environment(environment, E.FAILED)
    move_environment(environment, E.DESTROYED, destroyed_at=timezone.now())
    quotas.release(subject=environment.ref)
    SecretBinding.objects.filter(environment=environment).delete()
    data = {"name": environment.name, "left": left, "reason": reason[:300]}
    record("environment.record_deleted", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
