"""The orphan ledger: what is listed, and when a row is closed. Removing is runs/orphans.py's work.

Every function writes inside the caller's audit context.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils import timezone

from audit.record import emit, record
from provisioning.models import Environment, Operation, OperationStep, Orphan

Left = tuple[str, str]


def list_left(operation: Operation, left: Iterable[Left], *, automatic: bool = True) -> int:
    """List (address, reason) pairs as left behind by the operation; how many are new."""
    environment, new = operation.environment, 0
    for address, reason in left:
        row, created = Orphan.objects.get_or_create(
            environment=environment,
            address=address[:160],
            removed_at=None,
            defaults={
                "operation": operation,
                "team": operation.team,
                "driver": environment.driver,
                "reason": reason[:300],
                "automatic": automatic,
            },
        )
        if created:
            new += 1
            record("orphan.listed", object=f"orphan:{row.pk}", scope=f"team:{row.team_id}", data={"name": address})
    if new:
        emit("orphan.listed", payload={"count": new}, object=environment.ref)
    return new


def settle(environment: Environment, *, by: str, reason: str, only: Iterable[str] | None = None) -> int:
    """Close the open rows of an environment, or those of the addresses in `only`; how many there were."""
    rows = Orphan.objects.filter(environment=environment, removed_at=None)
    if only is not None:
        rows = rows.filter(address__in=list(only))
    return rows.update(removed_at=timezone.now(), removed_by=by[:80], removed_reason=reason[:300], leased_until=None)


def touched_by(operation: Operation) -> list[str]:
    """What the steps of an operation may have made or not removed: addresses of its locked plan, sorted.

    Nothing when no step began. What it only changed belongs to its environment still.
    """
    begun = operation.steps.exclude(status__in=[OperationStep.Status.PENDING, OperationStep.Status.UNDONE])
    if operation.plan_locked_at is None or not begun.exists():
        return []
    changes = (operation.plan or {}).get("changes", [])
    return sorted({change["address"] for change in changes if change["action"] in {"create", "destroy"}})


def made(environment: Environment) -> set[str]:
    """Every address that a locked plan of the environment ever named."""
    return {change["address"] for change in _changes(environment)}


def recorded(environment: Environment) -> list[str]:
    """The addresses that locked plans made and did not remove, sorted: no driver is asked."""
    found: set[str] = set()
    for change in _changes(environment):
        (found.discard if change["action"] == "destroy" else found.add)(change["address"])
    return sorted(found)


def _changes(environment: Environment) -> Iterator[Mapping[str, Any]]:
    plans = environment.operations.exclude(plan_locked_at=None).order_by("plan_locked_at")
    for plan in plans.values_list("plan", flat=True):
        yield from (plan or {}).get("changes", [])
