"""How long things usually take, computed from recorded operations and steps."""

from collections.abc import Iterable
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
# The latest of each kind are enough, so that the size of the past does not matter.
_OPERATIONS = """
SELECT recent.kind, v.template_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.seconds)
FROM unnest(%s::text[]) AS wanted (kind) CROSS JOIN LATERAL (
    SELECT o.kind, o.environment_id, extract(epoch FROM o.finished_at - o.started_at) AS seconds
    FROM provisioning_operation o
    WHERE o.kind = wanted.kind AND o.finished_at > %s AND o.status = 'succeeded' AND o.started_at IS NOT NULL
    ORDER BY o.finished_at DESC LIMIT 200
) recent
JOIN provisioning_environment e ON e.id = recent.environment_id
JOIN catalog_templateversion v ON v.id = e.template_version_id
GROUP BY 1, 2
"""


def operation_seconds(likes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], float]:
    """Median seconds of work, by kind and template, of the latest of those kinds that succeeded in the window."""
    wanted = sorted({kind for kind, _ in likes})
    with connection.cursor() as cursor:
        cursor.execute(_OPERATIONS, [wanted, timezone.now() - WINDOW])
        return {(kind, template): float(seconds) for kind, template, seconds in cursor.fetchall()}


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
