"""A claimed operation under one lease, with what is needed to work on it and its locked plan."""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

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
        """The key of a step that may be stopped when a person asks for it."""
        return replace(self.undo_key(), stopping=self.stopping)

    def undo_key(self) -> StepKey:
        """The key of undoing, which is never stopped half way."""
        return StepKey(operation=str(self.operation.pk), fence=self.lease.fence, guard=self.guard)

    @cached_property
    def stopping(self) -> "Asked":
        return Asked(self.operation.pk)

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


class Asked:
    """Did a person ask to cancel? Cheap to call: the database is asked at most once a second."""

    EVERY_S = 1.0

    def __init__(self, operation: UUID) -> None:
        self._operation, self._next, self._answer = operation, 0.0, False

    def __call__(self) -> bool:
        if not self._answer and time.monotonic() >= self._next:
            self._answer = self.now()
            self._next = time.monotonic() + self.EVERY_S
        return self._answer

    def now(self) -> bool:
        """The same, whatever was answered before."""
        return Operation.objects.filter(pk=self._operation, cancel_requested_at__isnull=False).exists()


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
