"""A claimed operation under one lease, with what is needed to work on it and its locked plan."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import prefetch_related_objects

from provisioning import kinds, lifecycle
from provisioning.drivers.base import Change, Driver, LeaseLost, Plan, Step, StepKey
from provisioning.lifecycle import Lease
from provisioning.models import Operation, OperationStep
from provisioning.runs.heartbeat import Heartbeat
from provisioning.runs.log import StepLog


@dataclass
class Work:
    """One claimed operation under one lease, with its driver and log.

    `plan` is the one made under this lease, with its artifact; None when an earlier owner locked it.
    """

    operation: Operation
    lease: Lease
    target: Driver
    log: StepLog
    heartbeat: Heartbeat
    plan: Plan | None = None

    def key(self) -> StepKey:
        return StepKey(operation=str(self.operation.pk), fence=self.lease.fence, guard=self.guard)

    def guard(self) -> None:
        """Raise LeaseLost unless the lease outlives one call limit."""
        if not lifecycle.holds(self.lease, seconds=settings.BERTH.call_limit_seconds):
            raise LeaseLost("the lease ended or is too short for another call")

    def close(self) -> None:
        """Remove what planning left on this worker."""
        if self.plan is not None:
            self.target.discard(self.plan)

    @property
    def by(self) -> str:
        return f"worker:{self.lease.holder}"


def planned_steps(work: Work) -> list[tuple[OperationStep, Step]]:
    """The recorded steps with what carries them out, from the locked plan."""
    operation = work.operation
    kind = kinds.of(operation)
    spec = kind.spec(operation.environment, operation.arguments)
    steps = {step.name: step for step in work.target.steps(spec, kind.verb, work.plan or locked_plan(operation))}
    prefetch_related_objects([operation], "steps")
    return [(row, steps[row.name]) for row in operation.steps.all()]


def locked_plan(operation: Operation) -> Plan:
    """The plan that was compared and locked; a resume or retry executes this one and no other."""
    changes = (operation.plan or {}).get("changes", [])
    return Plan(tuple(Change(**{**change, "unknown": tuple(change["unknown"])}) for change in changes))
