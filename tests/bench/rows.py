"""Many rows at once, written by SQL as the owner: the size of an installation, without living its life."""

from typing import Any

import psycopg

from tests.people import Demo

Owner = psycopg.Connection[Any]

_ENVIRONMENTS = """
INSERT INTO provisioning_environment (id, name, service_id, team_id, tier, owner_id, template_version_id, driver,
    parameters, outputs, release, cost_centre, status, fence, created_at, changed_at, ready_at, expires_at,
    expires_at_most, rate_running, rate_suspended, currency)
SELECT gen_random_uuid(), %(prefix)s || '-' || n, %(service)s, %(team)s,
    (ARRAY['sandbox', 'preview', 'dev', 'test'])[1 + n %% 4], %(owner)s, %(version)s, 'noop',
    '{"size": "S", "greeting": "hello"}', '{}', '{}', 'CC-100',
    (ARRAY['ready', 'ready', 'ready', 'suspended', 'failed'])[1 + n %% 5], 1, now(), now(), now(),
    now() + make_interval(days => 2 + n %% 28), now() + interval '40 days', 0.05, 0.01, 'EUR'
FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""


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
