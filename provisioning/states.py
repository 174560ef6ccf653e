"""The legal next states of operations and environments, as tables. Pure; moving is lifecycle.py's work.

`manage.py states` draws docs/states.md from these tables, and a database trigger checks the same tables.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class OperationStatus(TextChoices):
    """Where one operation stands."""

    REQUESTED = "requested", _("Requested")
    PLANNING = "planning", _("Planning")
    AWAITING_APPROVAL = "awaiting_approval", _("Waiting for approval")
    HELD = "held", _("Held")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Applying")
    VERIFYING = "verifying", _("Verifying")
    FAILING = "failing", _("Undoing")
    CANCELLING = "cancelling", _("Cancelling")
    SUCCEEDED = "succeeded", _("Succeeded")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    FAILED = "failed", _("Failed")
    DENIED = "denied", _("Blocked")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


class EnvironmentStatus(TextChoices):
    """What one environment is, as far as recorded."""

    REQUESTED = "requested", _("Requested")
    CREATING = "creating", _("Provisioning")
    READY = "ready", _("Running")
    CHANGING = "changing", _("Applying")
    SUSPENDED = "suspended", _("Suspended")
    FAILED = "failed", _("Failed")
    DESTROYING = "destroying", _("Destroying")
    DESTROYED = "destroyed", _("Retired")


S = OperationStatus
OPERATION: dict[str, frozenset[str]] = {
    S.REQUESTED: frozenset({S.PLANNING, S.DENIED, S.CANCELLED}),
    S.PLANNING: frozenset({S.REQUESTED, S.AWAITING_APPROVAL, S.QUEUED, S.DENIED, S.FAILED, S.CANCELLED}),
    S.AWAITING_APPROVAL: frozenset({S.REQUESTED, S.HELD, S.QUEUED, S.REJECTED, S.EXPIRED, S.DENIED, S.CANCELLED}),
    S.HELD: frozenset({S.REQUESTED, S.AWAITING_APPROVAL, S.REJECTED, S.EXPIRED, S.CANCELLED}),
    S.QUEUED: frozenset({S.RUNNING, S.AWAITING_APPROVAL, S.CANCELLED}),
    S.RUNNING: frozenset({S.VERIFYING, S.AWAITING_APPROVAL, S.FAILING, S.CANCELLING, S.FAILED, S.QUEUED}),
    S.VERIFYING: frozenset({S.SUCCEEDED, S.FAILING, S.CANCELLING}),
    S.FAILING: frozenset({S.ROLLED_BACK, S.FAILED}),
    S.CANCELLING: frozenset({S.ROLLED_BACK, S.FAILED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.SUCCEEDED: frozenset(),
    S.ROLLED_BACK: frozenset(),
    S.DENIED: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
}
OPERATION_EVENT: dict[str, str] = {status: f"operation.{status}" for status in S.values}

ACTIVE = frozenset({S.RUNNING, S.VERIFYING, S.FAILING, S.CANCELLING})
WAITING = frozenset({S.REQUESTED, S.PLANNING, S.AWAITING_APPROVAL, S.HELD, S.QUEUED})
TERMINAL = frozenset({S.SUCCEEDED, S.ROLLED_BACK, S.FAILED, S.DENIED, S.REJECTED, S.EXPIRED, S.CANCELLED})

E = EnvironmentStatus
ENVIRONMENT: dict[str, frozenset[str]] = {
    E.REQUESTED: frozenset({E.CREATING, E.DESTROYED}),
    E.CREATING: frozenset({E.READY, E.FAILED, E.DESTROYED}),
    E.READY: frozenset({E.CHANGING, E.SUSPENDED, E.FAILED, E.DESTROYING}),
    E.CHANGING: frozenset({E.READY, E.SUSPENDED, E.FAILED}),
    E.SUSPENDED: frozenset({E.CHANGING, E.READY, E.FAILED, E.DESTROYING}),
    E.FAILED: frozenset({E.CREATING, E.CHANGING, E.READY, E.SUSPENDED, E.DESTROYING, E.DESTROYED}),
    E.DESTROYING: frozenset({E.DESTROYED, E.FAILED}),
    E.DESTROYED: frozenset(),
}


def before(table: dict[str, frozenset[str]], target: str) -> list[str]:
    """The states from which `target` may be reached, sorted."""
    return sorted(state for state, following in table.items() if target in following)
