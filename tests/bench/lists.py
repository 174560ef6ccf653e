"""The first page of environments as a developer sees it, among 1,000 and 10,000: server time, queries for rights."""

from typing import Any

import psycopg
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from provisioning.selectors import environments_visible_to
from tests.bench import rows
from tests.bench.figures import MS, say, scaled, spread, timed
from tests.bench.world import World
from tests.people import Demo

REQUESTS = 60
RIGHTS = ("policies_membership", "policies_accessgrant", "guardian_userobjectpermission")
QUERIES = ("", "tier=dev", "status=ready", "q=bench-list-1", "tier=dev&status=ready&q=bench")


def run(world: World, demo: Demo) -> dict[str, Any]:
    """Percentiles by number of environments."""
    page, found, have = _page(demo), {}, 0
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        for size in (1000, 10_000):
            wanted = scaled(size, at_least=100)
            rows.environments(owner, demo, "bench-list", range(have, wanted))
            owner.execute("ANALYZE")
            have = wanted
            found[str(size)] = spread([s * MS for s in page()], digits=2)
    return {"env_list_ms": found, "permission_list_queries": permission_queries(demo)}


def permission_queries(demo: Demo) -> int:
    """How many statements of a list of 50 rows read who may what."""
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(demo.mara)
    with CaptureQueriesContext(connection) as seen:
        _shown(client, f"{reverse('api:environments')}?page_size=50")
    return sum(any(table in query["sql"] for table in RIGHTS) for query in seen.captured_queries)


def _page(demo: Demo) -> Any:
    try:
        address = reverse("environments")
    except NoReverseMatch:
        say("there is no page yet: measuring the query alone")
        return lambda: timed(lambda: _selected(demo), REQUESTS)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(demo.mara)
    for query in QUERIES:
        _shown(client, f"{address}?{query}")
    return lambda: [
        second
        for query in QUERIES
        for second in timed(lambda query=query: _shown(client, f"{address}?{query}"), REQUESTS // len(QUERIES))
    ]


def _shown(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code


def _selected(demo: Demo) -> None:
    list(environments_visible_to(demo.mara).filter(tier="dev", status="ready").select_related("service", "owner")[:50])
