"""One sweep of lifetimes among 100,000 environments of which none is due."""

from typing import Any

import psycopg

from provisioning.runs import expiry
from tests.bench import rows
from tests.bench.figures import MS, percentile, scaled, timed
from tests.bench.world import World
from tests.people import Demo

ENVIRONMENTS, SWEEPS = 100_000, 20


def run(world: World, demo: Demo) -> dict[str, Any]:
    """The median sweep."""
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        rows.environments(owner, demo, "bench-sweep", range(scaled(ENVIRONMENTS)))
        owner.execute("VACUUM ANALYZE provisioning_environment")
    assert expiry.sweep() == {"warned": 0, "suspended": 0, "destroyed": 0, "repeated": 0}
    return {"ttl_sweep_ms": round(percentile(timed(expiry.sweep, SWEEPS), 0.5) * MS, 2)}
