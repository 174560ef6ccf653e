"""Shipped workload "web-service": greets, counts its visitors in its own database, tells its release."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import psycopg

from provisioning.drivers.sandbox.workloads.runtime import Answer, Config, Database, Secrets, as_json, serve

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{environment}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}</style>
</head><body><h1>{greeting}</h1>
<p>Environment <strong>{environment}</strong>, release <strong>{version}</strong>, visit {hits}.</p>
</body></html>
"""


def main(config: Config, ready: Callable[[], None]) -> None:
    """Serve until the process is ended."""
    secrets = Secrets(config)
    database = Database(secrets.values["database"]) if "database" in secrets.values else None
    if database is not None:
        database.run("CREATE TABLE IF NOT EXISTS hits (id int PRIMARY KEY, total bigint NOT NULL)")
    greeting = str(config["parameters"].get("greeting") or f"Hello from {config['environment']}")

    def answer(path: str, browser: bool) -> Answer:
        if path == "/healthz":
            return as_json({"alive": True})
        if path != "/":
            return as_json({"error": "not found"}, 404)
        try:
            hits = _visit(database)
        except psycopg.Error:
            return as_json({"error": "the database does not answer"}, 503)
        facts = {
            "environment": config["environment"],
            "release": config["release"],
            "greeting": greeting,
            "hits": hits,
            "secret_version": secrets.versions.get("database"),
        }
        return _page(facts) if browser else as_json(facts)

    serve(config["port"], answer, ready)


def _visit(database: Database | None) -> int:
    if database is None:
        return 0
    row = database.run(
        "INSERT INTO hits VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET total = hits.total + 1 RETURNING total"
    )
    return int(row[0]) if row else 0


def _page(facts: dict[str, Any]) -> Answer:
    shown = {name: escape(str(facts[name])) for name in ("environment", "greeting", "hits")}
    version = escape(str(facts["release"].get("version", "none")))
    return 200, "text/html; charset=utf-8", PAGE.format(version=version, **shown).encode()
