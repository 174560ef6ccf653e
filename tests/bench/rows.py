"""Many rows at once, written by SQL as the owner: the size of an installation, without living its life."""

from typing import Any

import psycopg

from tests.people import Demo

Owner = psycopg.Connection[Any]

_ENVIRONMENTS = """
INSERT INTO provisioning_environment (id, name, service_id, team_id, tier, owner_id, template_version_id, driver,
    parameters, outputs, release, cost_centre, status, fence, created_at, changed_at, ready_at, expires_at,
    expires_at_most, drift, health, made_as, rate_running, rate_suspended, currency)
SELECT gen_random_uuid(), %(prefix)s || '-' || n, %(service)s, %(team)s,
    (ARRAY['sandbox', 'preview', 'dev', 'test'])[1 + n %% 4], %(owner)s, %(version)s, 'noop',
    '{"size": "S", "greeting": "hello"}', '{}', '{}', 'CC-100',
    (ARRAY['ready', 'ready', 'ready', 'suspended', 'failed'])[1 + n %% 5], 1, now(), now(), now(),
    now() + make_interval(days => 2 + n %% 28), now() + interval '40 days', '{}', '{}', '', 0.05, 0.01, 'EUR'
FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""

_OPERATIONS = """
INSERT INTO provisioning_operation (id, kind, environment_id, team_id, tier, requester_id, origin, status, reason,
    arguments, context, approval, signatures_needed, owning_needed, change_digest, idempotency_key, request_digest,
    overtakes, blocked, error, attempts, retries, failed_step, healing, pool, risk,
    asked, edited_by, reminders,
    created_at, queued_at, started_at,
    finished_at)
SELECT gen_random_uuid(), 'update', e.id, e.team_id, e.tier, %(owner)s, 'person', %(status)s, '',
    '{"parameters": {"size": "L"}}', '{}', '{}', 0, 0, '', '', '', false, '', '', 0, 0, '', '{}', '', 0, '{}', '{}', 0,
    now() - make_interval(secs => n), now() - make_interval(secs => n),
    CASE WHEN %(ended)s THEN now() - make_interval(secs => n) END,
    CASE WHEN %(ended)s THEN now() - make_interval(secs => n - 20) END
FROM generate_series(1, %(number)s) AS n
JOIN (SELECT *, row_number() OVER (ORDER BY name) AS place, count(*) OVER () AS total FROM provisioning_environment
      WHERE name LIKE %(prefix)s || '-%%') e ON e.place = 1 + n %% e.total
"""


def operations(owner: Owner, demo: Demo, prefix: str, status: str, number: int) -> None:
    """Operations in one status, spread over the environments of that prefix."""
    ended = status == "succeeded"
    wanted = {"prefix": prefix, "owner": demo.mara.pk, "status": status, "number": number, "ended": ended}
    owner.execute(_OPERATIONS, wanted)


def environments(owner: Owner, demo: Demo, prefix: str, numbers: range) -> None:
    """Environments of Payments in every state and tier; none is due for anything before two days."""
    wanted = {
        "prefix": prefix,
        "service": demo.api.pk,
        "team": demo.payments.pk,
        "owner": demo.mara.pk,
        "version": demo.version.pk,
        "first": numbers.start,
        "last": numbers.stop - 1,
    }
    owner.execute(_ENVIRONMENTS, wanted)
