"""Notes that an environment shall be looked at again. Looking is runs/recheck.py's work.

A note is no record: a worker that lost its operation may leave one, and must.
"""

from uuid import UUID

from django.db import connection

from provisioning.models import Operation

SUSPECTED, ASKED = "suspected", "asked"
_MARK = """
INSERT INTO provisioning_recheck AS r (environment_id, cause, reason, marked_at, due_at, attempts)
VALUES (%(environment)s, %(cause)s, %(reason)s, clock_timestamp(), clock_timestamp(), 0)
ON CONFLICT (environment_id) DO UPDATE SET marked_at = excluded.marked_at, due_at = excluded.due_at, attempts = 0,
    reason = excluded.reason, cause = CASE WHEN r.cause = 'suspected' THEN r.cause ELSE excluded.cause END
"""


def mark(environment: UUID, *, cause: str, reason: str) -> None:
    """Note that an environment shall be looked at, at once."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"environment": environment, "cause": cause, "reason": reason[:200]})


def taken_over(operation: Operation) -> None:
    """A worker goes on with what another began: a late write of that one may land."""
    if operation.plan_locked_at is not None:
        mark(operation.environment_id, cause=SUSPECTED, reason=f"{operation.short_id} was taken over.")


def lost(operation: Operation) -> None:
    """A worker finds that it lost its operation: what it wrote last may stand although nobody recorded it."""
    if operation.plan_locked_at is not None:
        mark(operation.environment_id, cause=SUSPECTED, reason=f"A worker lost {operation.short_id} in the middle.")
