"""Server time of the inbox's first page as a signer sees it, with 5,000 plans that wait for signatures."""

from typing import Any

import psycopg
from django.test import Client
from django.urls import reverse

from policies.approvals import plain
from tests.bench import rows
from tests.bench.figures import MS, scaled, spread, timed
from tests.bench.world import World
from tests.people import Demo

PENDING = 5000
REQUESTS = 60
QUERIES = ("", "tier=prod", "scope=others", "page=3", "q=bench-inbox-1")

_WAIT = """
UPDATE provisioning_operation o SET status = 'awaiting_approval', tier = 'prod', signatures_needed = 2,
    owning_needed = 1, approval = %(need)s::jsonb, asked = ARRAY['team:payments', 'team:reliability'],
    awaiting_since = o.created_at, approval_expires_at = now() + interval '3 days',
    change_digest = 'sha256:' || md5(o.id::text) || md5(o.id::text), risk = (random() * 3000000)::int,
    plan = jsonb_build_object('kind', 'update', 'parameters', '{"size": "L"}'::jsonb, 'changes', (
        SELECT jsonb_agg(jsonb_build_object('address', 'resource/' || n, 'action', 'change',
            'before', '{"cpu": 1, "memory": "512Mi"}'::jsonb, 'after', '{"cpu": 2, "memory": "1Gi"}'::jsonb))
        FROM generate_series(1, 10) n))
WHERE o.status = 'queued' AND o.environment_id IN (
    SELECT id FROM provisioning_environment WHERE name LIKE 'bench-inbox-%%')
"""


def run(world: World, demo: Demo) -> dict[str, Any]:
    """Percentiles over the ways people open it."""
    number = scaled(PENDING, at_least=50)
    need = plain(signatures=2, team="payments", owning_team=1, also_from=["reliability"]).as_json()
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        rows.environments(owner, demo, "bench-inbox", range(max(10, number // 5)))
        owner.execute("ALTER TABLE provisioning_operation DISABLE TRIGGER USER")
        rows.operations(owner, demo, "bench-inbox", "queued", number)
        owner.execute(_WAIT, {"need": psycopg.types.json.Jsonb(need)})
        owner.execute("ALTER TABLE provisioning_operation ENABLE TRIGGER USER")
        owner.execute("ANALYZE")
    return {"inbox_ms": spread([second * MS for second in _opened(demo)], digits=2)}


def _opened(demo: Demo) -> list[float]:
    client, address = Client(headers={"host": "127.0.0.1"}), reverse("inbox")
    client.force_login(demo.jonas)
    for query in QUERIES:
        _shown(client, f"{address}?{query}")
    return [
        second
        for query in QUERIES
        for second in timed(lambda query=query: _shown(client, f"{address}?{query}"), REQUESTS // len(QUERIES))
    ]


def _shown(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
