"""Takes the next operation: the claim, what is known of it, and the record of its first step in one transaction."""

import os
import socket
import uuid
from dataclasses import dataclass

from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from provisioning import kinds, lifecycle, presence
from provisioning.lifecycle import Lease
from provisioning.models import Environment, Operation, OperationStep
from provisioning.states import OperationStatus as S

MOST_RACES = 5


@dataclass(frozen=True, kw_only=True)
class Taken(Lease):
    """A lease with the operation as it was read when it was claimed."""

    row: Operation


def holder() -> str:
    """Who this worker is, in leases and in the history."""
    return f"{socket.gethostname()}:{os.getpid()}"


def take(only: uuid.UUID | None = None) -> Taken | None:
    """Claim in one short transaction. Who loses a race for an environment looks again: the winner is seen then."""
    presence.tell()
    for _ in range(MOST_RACES):
        try:
            with context(by=f"worker:{holder()}"):
                lease = lifecycle.claim(holder=holder(), only=only)
                if lease is None:
                    return None
                operation = _loaded(lease.operation)
                if operation.status == S.RUNNING and operation.plan_locked_at is not None:
                    _begin(operation, lease)
                return Taken(**vars(lease), row=operation)
        except IntegrityError as error:
            if "operation_active_once" not in str(error):
                raise
    return None


def _loaded(pk: uuid.UUID) -> Operation:
    """The operation with all around it. In two statements: one with every join takes the planner longer than both."""
    operation = Operation.objects.select_related("team", "requester").get(pk=pk)
    rows = Environment.objects.select_related("service", "owner", "target", "template_version__template")
    operation.environment = rows.get(pk=operation.environment_id)
    for owned in (operation.environment, operation.environment.service):
        if owned.team_id == operation.team_id:
            owned.team = operation.team
    return operation


def _begin(operation: Operation, lease: Lease) -> None:
    """A plan that is locked already goes on with its next step: fence the environment and record the step with it.

    Where that cannot be, nothing is written here, and the run says why.
    """
    if operation.cancel_requested_at is not None:
        return
    row = operation.steps.exclude(status=OperationStep.Status.DONE).first()
    during = kinds.of(operation).during
    if row is None or not lifecycle.move_environment(operation.environment, during, fence=lease.fence):
        return
    row.status, row.started_at, row.ended_at = OperationStep.Status.RUNNING, row.started_at or timezone.now(), None
    row.save(update_fields=["status", "started_at", "ended_at"])
