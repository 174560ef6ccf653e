"""How an operation ends: verified and recorded, failed, or undone in reverse with the orphan ledger for the rest."""

import logging
from typing import Any

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import quotas
from provisioning import kinds, ledger, lifecycle, suspicion
from provisioning.drivers.base import (
    DriverError,
    DriverRejected,
    DriverUnavailable,
    EnvironmentSpec,
    Health,
    LeaseLost,
    Step,
)
from provisioning.drivers.registry import driver
from provisioning.lifecycle import Lease, move, move_environment
from provisioning.models import Operation, OperationStep, SecretBinding
from provisioning.redaction import place_of, said_by
from provisioning.releasing import forget_environment
from provisioning.runs import healing
from provisioning.runs.backoff import MOST_ATTEMPTS, put_off
from provisioning.runs.claimed import Work, planned_steps
from provisioning.runs.heartbeat import Heartbeat
from provisioning.runs.log import StepLog
from provisioning.runs.store import AWAY
from provisioning.specs import secret_path
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.wake import wake_for

log = logging.getLogger(__name__)
Status = OperationStep.Status
# After these nothing differs from the record, so nothing of the environment is left over.
_WHOLE = frozenset({"create", "update", "reconcile", "destroy"})
DEFECT = "It stopped by a defect. The platform team has the details."


def record_step(work: Work, row: OperationStep, status: str, result: dict[str, Any], detail: str = "") -> None:
    """Write a step's state under the fence, in a transaction of its own; raises LeaseLost for an old owner."""
    with context(by=work.by, operation=work.operation.ref):
        write_step(work, row, status, result, detail)


def write_step(work: Work, row: OperationStep, status: str, result: dict[str, Any], detail: str = "") -> None:
    """The same inside an open audit context."""
    now = timezone.now()
    row.status, row.result, row.detail = status, result, detail[:300]
    if status == Status.RUNNING:
        row.started_at = row.started_at or now
    else:
        row.started_at, row.ended_at = row.started_at or now, now
    if not lifecycle.hold(work.lease):
        raise LeaseLost("the lease ended before the step was recorded")
    row.save(update_fields=["status", "result", "detail", "started_at", "ended_at"])


def verify_and_record(work: Work) -> None:
    """Observe that nothing of the plan is left to do, then record the new state of the environment."""
    operation = work.operation
    kind = kinds.of(operation)
    spec = kind.spec(operation.environment, operation.arguments)
    health = _verified(work, spec)
    ends = kind.ends(operation.environment)
    stays = ends != E.DESTROYED
    outputs = dict(work.target.outputs(spec)) if stays else {}
    versions = dict(work.target.secrets(spec)) if stays else {}
    with context(by=work.by, operation=operation.ref):
        fields = {"outputs": outputs, **kind.finish(operation)}
        if health.status != "unknown":
            fields["health"] = healing.kept(health)
        if kind.name in _WHOLE:
            fields["drift"] = {}
        if not move_environment(operation.environment, ends, fence=work.lease.fence, **fields):
            raise LeaseLost("a newer owner has the environment")
        _bind(operation, versions)
        if kind.name in _WHOLE:
            ledger.settle(operation.environment, by=operation.ref, reason="In use again, or observed to be gone.")
        if not stays:
            quotas.release(subject=operation.environment.ref)
            SecretBinding.objects.filter(environment=operation.environment).delete()
        mended = healing.ended(operation, by="retry")
        if not move(operation, S.SUCCEEDED, fence=work.lease.fence, error="", failed_step="", **mended):
            raise LeaseLost("another owner has it")
        emit("operation.succeeded", payload={"kind": operation.kind}, object=operation.ref)
        lifecycle.release(work.lease)
        wake_for(operation.environment_id)


def _verified(work: Work, spec: EnvironmentSpec) -> Health:
    """How it is when nothing is left to do; raises DriverRejected when something is that trying again cannot mend."""
    work.log.step = "verify"
    left = work.target.plan(spec, work.target.observe(spec), kinds.of(work.operation).verb)
    work.target.discard(left)
    health = healing.health_of(work, spec)
    if healing.is_partial(work, health, left.changes):
        healing.mend(work, spec, health)
    if left.changes:
        names = ", ".join(change.address for change in left.changes)
        raise DriverRejected(f"After the last step these are not as planned: {names}.")
    return health


def _bind(operation: Operation, versions: dict[str, int]) -> None:
    """Record path and version of each secret that stands in Vault. Never a value."""
    if not versions:
        return
    rotate = {s["name"]: s.get("rotate_days") for s in operation.environment.template_version.secrets}
    known = dict(SecretBinding.objects.filter(environment=operation.environment).values_list("name", "version"))
    for name, version in versions.items():
        if known.get(name) == version:
            continue
        SecretBinding.objects.update_or_create(
            environment=operation.environment,
            name=name,
            defaults={
                "team": operation.team,
                "path": secret_path(operation.environment, name),
                "version": version,
                "rotate_days": rotate.get(name),
                "written_at": timezone.now(),
            },
        )


def put_off_or_fail(operation: Operation, lease: Lease, heartbeat: Heartbeat, reason: str) -> None:
    """Try again later; after too many tries begin failing, and after too many tries to undo, list what is left."""
    if operation.status in {S.FAILING, S.CANCELLING}:
        if operation.attempts < 2 * MOST_ATTEMPTS:
            put_off(operation, lease, reason=reason)
        else:
            _end(operation, lease, S.FAILED, left=_left_by_steps(operation, reason))
    elif operation.attempts < MOST_ATTEMPTS:
        put_off(operation, lease, reason=reason)
    else:
        fail(operation, lease, heartbeat, f"Gave up after {operation.attempts} tries. {reason}")


def fail(operation: Operation, lease: Lease, heartbeat: Heartbeat, error: str, step: str = "") -> None:
    """Begin failing, then undo. `step` is where it stopped. Undoing goes on under this or the next lease."""
    with context(by=f"worker:{lease.holder}", operation=operation.ref):
        if operation.status in {S.RUNNING, S.VERIFYING}:
            if not move(operation, S.FAILING, fence=lease.fence, error=error[:600], failed_step=step[:40]):
                return
        elif not lifecycle.holds(lease):
            return
    with StepLog(operation) as step_log:
        step_log.step = step[:40]
        step_log(error)
        try:
            _undo_or_list(Work(operation, lease, driver(operation.environment.driver), step_log, heartbeat))
        except LeaseLost:
            lost(operation, step_log)


def lost(operation: Operation, step_log: StepLog) -> None:
    """What this worker wrote last may have landed unseen, so somebody looks again."""
    suspicion.lost(operation)
    step_log("This worker lost the operation; another one goes on.")


def _undo_or_list(work: Work) -> None:
    """Undo; what cannot be undone is listed. Raises LeaseLost, also for what a newer owner made fail, and AWAY."""
    try:
        undo(work)
    except (LeaseLost, *AWAY):
        raise
    except Exception as error:
        if not lifecycle.holds(work.lease):
            raise LeaseLost("the lease ended while undoing") from error
        _stop_undoing(work, error)


def _stop_undoing(work: Work, error: Exception) -> None:
    operation, lease = work.operation, work.lease
    if isinstance(error, DriverUnavailable):
        put_off_or_fail(operation, lease, work.heartbeat, said_by(error))
    elif isinstance(error, DriverError):
        _end(operation, lease, S.FAILED, left=_left_by_steps(operation, said_by(error)))
    else:
        log.error("undoing operation %s stopped by a defect: %s", operation.pk, place_of(error))
        _end(operation, lease, S.FAILED, left=_left_by_steps(operation, DEFECT))


def undo(work: Work) -> None:
    """Compensate in reverse what the steps made, list what stays, and end the operation."""
    operation = work.operation
    if not kinds.of(operation).undo:
        untouched = not operation.steps.exclude(status=Status.PENDING).exists()
        cancelled = operation.status == S.CANCELLING
        _end(operation, work.lease, S.ROLLED_BACK if untouched and cancelled else S.FAILED, left=[])
        return
    left: list[tuple[str, str]] = []
    if operation.plan_locked_at is not None:
        for row, step in reversed(planned_steps(work)):
            if row.status in {Status.PENDING, Status.UNDONE}:
                continue
            left += _undo_step(work, row, step)
    left += _strays(work) if operation.kind == "create" else []
    _end(operation, work.lease, S.FAILED if left else S.ROLLED_BACK, left=left)


def _undo_step(work: Work, row: OperationStep, step: Step) -> list[tuple[str, str]]:
    if step.undo is None:
        return []
    work.log.step = step.name
    work.guard()
    try:
        with work.heartbeat.limit(step.limit_s):
            step.undo(work.undo_key(), work.log)
    except (DriverUnavailable, LeaseLost):
        raise
    except DriverError as error:
        record_step(work, row, Status.LEFT, {}, said_by(error))
        return [(step.name, said_by(error))]
    record_step(work, row, Status.UNDONE, {}, row.detail)
    return []


def _strays(work: Work) -> list[tuple[str, str]]:
    """What is still there after undoing a creation."""
    spec = kinds.of(work.operation).spec(work.operation.environment, work.operation.arguments)
    return [(address, "Still there after undoing.") for address in sorted(work.target.observe(spec))]


def _left_by_steps(operation: Operation, reason: str) -> list[tuple[str, str]]:
    touched = operation.steps.exclude(status__in=[Status.PENDING, Status.UNDONE])
    return [(row.name, reason) for row in touched]


def _end(operation: Operation, lease: Lease, status: str, *, left: list[tuple[str, str]]) -> None:
    environment = operation.environment
    with context(by=f"worker:{lease.holder}", operation=operation.ref):
        gone_back = healing.ended(operation, by="rollback") if status == S.ROLLED_BACK else {}
        if not move(operation, status, fence=lease.fence, **gone_back):
            raise LeaseLost("another owner has it")
        ledger.list_left(operation, left)
        if gone_back:
            suspicion.mark(environment.pk, cause=suspicion.SUSPECTED, reason=f"{operation.short_id} was rolled back.")
        _leave_environment(operation, status, lease, left=bool(left))
        record(
            "operation.ended",
            object=operation.ref,
            scope=f"team:{operation.team_id}",
            data={"left": len(left)},
        )
        emit(
            "operation.failed",
            payload={"kind": operation.kind, "error": operation.error},
            object=operation.ref,
        )
        lifecycle.release(lease)
        wake_for(environment.pk)


def _leave_environment(operation: Operation, status: str, lease: Lease, *, left: bool) -> None:
    """An undone creation leaves nothing and gives its quota back; other changes leave it as it was, or failed.

    Without a locked plan nothing was touched.
    """
    environment = operation.environment
    if operation.plan_locked_at is None:
        forget_environment(operation)
    elif kinds.of(operation).begins_environment and status == S.ROLLED_BACK:
        if move_environment(environment, E.DESTROYED, fence=lease.fence, destroyed_at=timezone.now()):
            quotas.release(subject=environment.ref)
    elif status == S.ROLLED_BACK and not left:
        back = E.SUSPENDED if environment.suspended_at else E.READY
        move_environment(environment, back, fence=lease.fence)
    else:
        move_environment(environment, E.FAILED, fence=lease.fence)
