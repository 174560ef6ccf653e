"""Carries a claimed operation out: compare the plan once, lock it, run its steps, verify, record.

Every write of a result is conditional on the fence. A step observes before it acts, so dying anywhere costs a repeat
of an idempotent call, never a doubled or lost change.
"""

import logging
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import approvals
from policies.decisions import record_ruling
from policies.engine import Ruling
from policies.results import Allowed, Denied
from provisioning import closures, kinds, lifecycle, states, suspicion
from provisioning.drivers.base import DriverError, DriverRejected, DriverUnavailable, LeaseLost, Step
from provisioning.drivers.registry import driver
from provisioning.judging import Judgement, draft_of, judge_draft, stopped_by
from provisioning.lifecycle import Lease, move, move_environment
from provisioning.models import Operation, OperationStep
from provisioning.redaction import place_of, said_by
from provisioning.releasing import forget_environment
from provisioning.runs import healing, outcome
from provisioning.runs.backoff import wait
from provisioning.runs.claimed import Work, planned_steps
from provisioning.runs.heartbeat import Heartbeat
from provisioning.runs.holding import hold
from provisioning.runs.log import StepLog
from provisioning.runs.planning import Made, changed_parts, make, required_of, store, to_be_signed, worsened
from provisioning.runs.store import AWAY
from provisioning.signing import subject_of
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

log = logging.getLogger(__name__)
Status = OperationStep.Status


def execute(operation: Operation, lease: Lease, heartbeat: Heartbeat) -> None:
    """Take the operation as far as it goes under this lease. Of errors only AWAY leaves it."""
    with StepLog(operation) as step_log:
        try:
            with closing(Work(operation, lease, driver(operation.environment.driver), step_log, heartbeat)) as work:
                _execute(work)
        except LeaseLost:
            outcome.lost(operation, step_log)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - the worker must survive any defect of a driver
            if lifecycle.holds(lease):
                _answer(operation, lease, heartbeat, error, step_log.step)
            else:
                outcome.lost(operation, step_log)


def _answer(operation: Operation, lease: Lease, heartbeat: Heartbeat, error: Exception, step: str) -> None:
    if isinstance(error, DriverUnavailable):
        outcome.put_off_or_fail(operation, lease, heartbeat, said_by(error))
    elif isinstance(error, DriverRejected):
        outcome.fail(operation, lease, heartbeat, said_by(error), step)
    else:
        log.error("operation %s stopped by a defect: %s", operation.pk, place_of(error))
        outcome.fail(operation, lease, heartbeat, outcome.DEFECT, step)


def _execute(work: Work) -> None:
    operation = work.operation
    if operation.plan_locked_at is not None:
        suspicion.taken_over(operation)
    if operation.status in {S.FAILING, S.CANCELLING}:
        outcome.undo(work)
        return
    if operation.plan_locked_at is None and not _lock_plan(work):
        return
    if operation.status == S.RUNNING and not _run_steps(work):
        return
    outcome.verify_and_record(work)


def _lock_plan(work: Work) -> bool:
    """Compare the plan once, before the first step. False: it goes back to its signers, or policy stops it."""
    operation = work.operation
    if not _may_begin(work):
        return False
    made = make(operation)
    work.plan = made.plan
    judgement = judge_draft(draft_of(operation), point="claim", plan=made.plan)
    if not judgement.ruling.is_judged:
        # Nothing was done yet, and what waits must not be lost because the rules could not be asked.
        wait(operation, work.lease, reason=judgement.ruling.findings[0].message, back_to=S.QUEUED)
        return False
    with context(by=work.by, operation=operation.ref):
        if not judgement.ruling.allowed:
            _stop_at_claim(work, judgement.ruling)
            return False
        if made.digest != operation.change_digest and not _accept_change(work, made, judgement):
            return False
        if operation.requester_id and not _is_signed(work, made, judgement):
            return False
        return _locked(work, made)


def _stop_at_claim(work: Work, ruling: Ruling) -> None:
    """What policy refuses now is over; its signatures count for nothing any more."""
    operation = work.operation
    record_ruling(ruling, subject=operation.ref, point="claim", kind=operation.kind, team=operation.team)
    why = stopped_by(operation, ruling)
    approvals.void(ref=operation.ref, reason=why)
    move(operation, S.FAILED, fence=work.lease.fence, error=why[:600])
    forget_environment(operation)
    lifecycle.release(work.lease)


def _may_begin(work: Work) -> bool:
    """Is the environment still in a state this kind starts from, and is every shared thing free?"""
    operation, kind = work.operation, kinds.of(work.operation)
    begins = _begins(operation)
    with context(by=work.by, operation=operation.ref):
        if isinstance(begins, Denied):
            move(operation, S.FAILED, fence=work.lease.fence, error=begins.reason[:600])
            lifecycle.release(work.lease)
            return False
        held = lifecycle.take_locks(work.lease, kind.locks(operation))
        if held is None:
            return True
        until = timezone.now() + timedelta(seconds=1)
        reason = f"It waits for {held.operation.kind} {held.operation.short_id}, which holds {held.key}."
        move(operation, S.QUEUED, fence=work.lease.fence, blocked=reason, not_before=until, waits_for=held.operation)
        lifecycle.release(work.lease)
        return False


def _begins(operation: Operation) -> Allowed | Denied:
    """Others may have changed the environment since this was asked for: does it still start, and its gate still hold?

    What it wants may be so already; then it may begin, and finds nothing to do.
    """
    kind, environment = kinds.of(operation), operation.environment
    if operation.origin == "schedule" and environment.expired_at is None:
        return Denied("ttl.extended", "environment", f"The lifetime of {environment.name} was extended meanwhile.")
    if environment.status == kind.ends(environment) != E.DESTROYED and not operation.arguments:
        return Allowed()
    begins = kind.begins_in(environment)
    return begins and kind.gate(environment, operation.arguments)


def _accept_change(work: Work, made: Made, judgement: Judgement) -> bool:
    """A plan that differs from the signed one voids every signature; unsigned ones are simply taken anew."""
    operation = work.operation
    parts = changed_parts(operation.plan or {}, made.document)
    old = operation.change_digest
    record(
        "operation.plan_changed",
        object=operation.ref,
        scope=f"team:{operation.team_id}",
        data={"from": old, "to": made.digest, "changed": parts},
    )
    store(operation, made, judgement)
    if not operation.signatures_needed:
        return True
    approvals.void(ref=operation.ref, reason=f"The plan changed: {parts}.")
    to_be_signed(operation, work.lease, f"The plan changed: {parts}.")
    lifecycle.release(work.lease)
    return False


def _is_signed(work: Work, made: Made, judgement: Judgement) -> bool:
    """Do the rules of this moment have their signatures, of people who may still give them? Else it goes back."""
    operation, need = work.operation, required_of(work.operation, judgement)
    if not need.steps:
        return True
    subject = replace(subject_of(operation), requirement=need)
    if approvals.glass_of(subject):
        return True
    more = worsened(operation, judgement)
    if not more and approvals.tally(subject).complete:
        return True
    store(operation, made, judgement)
    reason = f"The plan changed: {more}." if more else ""
    if more:
        approvals.void(ref=operation.ref, reason=reason)
    to_be_signed(operation, work.lease, reason)
    lifecycle.release(work.lease)
    return False


def _locked(work: Work, made: Made) -> bool:
    operation = work.operation
    if not lifecycle.holds(work.lease):
        raise LeaseLost("the lease ended before the plan was locked")
    # The row is written again, so that what runs is what was just compared with the digest, whatever the row held.
    operation.plan, operation.plan_locked_at = dict(made.document), timezone.now()
    operation.save(update_fields=["plan", "plan_locked_at"])
    steps = work.target.steps(made.spec, kinds.of(operation).verb, made.plan)
    OperationStep.objects.bulk_create(
        [
            OperationStep(operation=operation, team=operation.team, position=n, name=step.name, title=step.title)
            for n, step in enumerate(steps, 1)
        ]
    )
    return True


def _take_environment(work: Work) -> None:
    """Fence the environment, once under each lease. Call inside an audit context, before the first write outside."""
    environment = work.operation.environment
    if environment.fence == work.lease.fence:
        return
    during = kinds.of(work.operation).during
    if move_environment(environment, during, fence=work.lease.fence):
        return
    environment.refresh_from_db(fields=["status"])
    if environment.status not in {during, *states.before(states.ENVIRONMENT, during)}:
        raise DriverRejected(f"{environment.name} is {environment.get_status_display()} now; nothing was done.")
    raise LeaseLost("a newer owner has the environment")


def _run_steps(work: Work) -> bool:
    """Run what is not done, then begin to verify. False: cancelling began instead, or its window closed."""
    operation = work.operation
    spec = kinds.of(operation).spec(operation.environment, operation.arguments)
    rows = planned_steps(work)
    left = [(row, step) for row, step in rows if row.status != Status.DONE]
    if any(row.status != Status.PENDING for row, _ in rows):
        healing.notice(work, spec)
    for row, step in left:
        if _is_stopped(work):
            return False
        try:
            result = _run_step(work, row, step, already=step.done(work.target.observe(spec)))
        except (DriverUnavailable, DriverRejected):
            if not work.stopping.now():
                raise
            _cancel(work)
            return False
        with context(by=work.by, operation=operation.ref):
            _take_environment(work)
            outcome.write_step(work, row, Status.DONE, result)
            if row is left[-1][0]:
                _begin_to_verify(work)
    if not left:
        with context(by=work.by, operation=operation.ref):
            _take_environment(work)
            _begin_to_verify(work)
    return True


def _is_stopped(work: Work) -> bool:
    """Between two steps: it is cancelled if somebody asked, and held if a window closed."""
    if work.stopping.now():
        _cancel(work)
        return True
    closed = closures.held_midway(work.operation)
    if closed is not None:
        hold(work, closed)
    return closed is not None


def _begin_to_verify(work: Work) -> None:
    if not move(work.operation, S.VERIFYING, fence=work.lease.fence):
        raise LeaseLost("another owner has it")


def _cancel(work: Work) -> None:
    with context(by=work.by, operation=work.operation.ref):
        moved = move(work.operation, S.CANCELLING, fence=work.lease.fence)
    if moved:
        outcome.undo(work)


def _run_step(work: Work, row: OperationStep, step: Step, *, already: bool) -> dict[str, Any]:
    """Bring the step's effect about unless it is there; what it reports. Recording that is the caller's."""
    work.log.step = step.name
    if already:
        work.log(f"{step.title}: already done")
        return {}
    # Where the plan was locked before, the claim has recorded its first step already.
    if row.status != Status.RUNNING or work.operation.environment.fence != work.lease.fence:
        with context(by=work.by, operation=work.operation.ref):
            _take_environment(work)
            outcome.write_step(work, row, Status.RUNNING, {})
    work.guard()
    try:
        with work.heartbeat.limit(step.limit_s):
            return dict(step.apply(work.key(), work.log))
    except (DriverUnavailable, LeaseLost):
        raise
    except DriverError as error:
        outcome.record_step(work, row, Status.FAILED, {}, said_by(error))
        raise
