"""Shipped workload "worker": ticks at a fixed interval, records each run in its database, beats in its cache."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from provisioning.drivers.sandbox.workloads.runtime import (
    Answer,
    Config,
    Database,
    Secrets,
    as_json,
    serve,
    valkey,
)

DEFAULT_INTERVAL_S = 60.0
SHORTEST_INTERVAL_S = 0.2
DEFAULT_KEEP_DAYS = 14
BEAT_TTL_S = 300


def main(config: Config, ready: Callable[[], None]) -> None:
    """Tick and serve the status until the process is ended."""
    secrets = Secrets(config)
    database = Database(secrets.values["database"]) if "database" in secrets.values else None
    if database is not None:
        database.run(
            "CREATE TABLE IF NOT EXISTS runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " at timestamptz NOT NULL DEFAULT now(), release text NOT NULL, job text NOT NULL)"
        )
    interval = max(SHORTEST_INTERVAL_S, float(config["parameters"].get("interval_seconds") or DEFAULT_INTERVAL_S))
    state = Ticker(config, database, secrets)
    threading.Thread(target=state.for_ever, args=(interval,), daemon=True).start()

    def answer(path: str, _browser: bool) -> Answer:
        if path == "/healthz":
            return as_json({"alive": True})
        if path != "/":
            return as_json({"error": "not found"}, 404)
        whose = {"environment": config["environment"], "release": config["release"], "interval_seconds": interval}
        return as_json({**whose, **state.told(), "secret_version": secrets.versions.get("database")})

    serve(config["port"], answer, ready)


class Ticker:
    """The work itself: one row and one heartbeat per run."""

    def __init__(self, config: Config, database: Database | None, secrets: Secrets) -> None:
        self._release = str(config["release"].get("version", ""))
        self._database = database
        self._cache = secrets.values.get("cache")
        self._job = str(config["parameters"].get("job", "heartbeat"))
        self._keep_days = int(config["parameters"].get("keep_results_days") or DEFAULT_KEEP_DAYS)
        self.kept: int | None = None
        self.runs = 0
        self.last: str | None = None
        self.problem: str | None = None

    def told(self) -> dict[str, object]:
        """How it went so far."""
        return {"runs": self.runs, "results_kept": self.kept, "last_run": self.last, "problem": self.problem}

    def for_ever(self, interval: float) -> None:
        """Run once at once, then every `interval` seconds."""
        pause = threading.Event()
        while True:
            try:
                self.once()
                self.problem = None
            except (psycopg.Error, OSError) as problem:
                self.problem = type(problem).__name__
                sys.stderr.write(f"run failed: {self.problem}\n")
                sys.stderr.flush()
            pause.wait(interval)

    def once(self) -> None:
        """Record one run and do its job; results older than the environment keeps them go in any case."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if self._database is not None:
            self._database.run("INSERT INTO runs (release, job) VALUES (%s, %s)", self._release, self._job)
            self._database.run("DELETE FROM runs WHERE at < now() - make_interval(days => %s)", self._keep_days)
            row = self._database.run("SELECT count(*) FROM runs")
            self.kept = row[0] if row else None
        if self._cache is not None:
            key = f"{self._cache['prefix']}heartbeat"
            valkey(self._cache, "SET", key, now, "EX", str(BEAT_TTL_S))
        self.runs += 1
        self.last = now
