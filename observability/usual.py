"""How long things usually take, computed from recorded operations and steps."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Usual:
    """Request-to-ready of one template over the window: seconds, and how many asked and succeeded."""

    p50: float
    p95: float
    total: int
    succeeded: int


_STEPS = """
SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at))
FROM provisioning_operationstep WHERE status = 'done' AND ended_at > %s AND name = ANY(%s) GROUP BY name
"""
_READY = """
SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FILTER (WHERE ok), 0),
       coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY s) FILTER (WHERE ok), 0),
       count(*), count(*) FILTER (WHERE ok)
FROM (SELECT extract(epoch FROM o.finished_at - coalesce(o.queued_at, o.created_at)) AS s, o.status = 'succeeded' AS ok
      FROM provisioning_operation o
      JOIN provisioning_environment e ON e.id = o.environment_id
      JOIN catalog_templateversion v ON v.id = e.template_version_id
      WHERE o.kind = 'create' AND o.finished_at > %s AND v.template_id = %s
        AND o.status IN ('succeeded', 'failed', 'rolled_back')) x
"""


def step_seconds(names: list[str]) -> dict[str, float]:
    """Median seconds of each step name over the window."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, [timezone.now() - WINDOW, names])
        return {name: float(seconds) for name, seconds in cursor.fetchall()}


def request_to_ready(template: int) -> Usual:
    """From queued to ready, for one template's creations."""
    with connection.cursor() as cursor:
        cursor.execute(_READY, [timezone.now() - WINDOW, template])
        p50, p95, total, succeeded = cursor.fetchone()
    return Usual(float(p50), float(p95), int(total), int(succeeded))
