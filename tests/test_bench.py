"""The benchmarks run and give the figures they promise. How large those are is not tested here."""

import os
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.bench import figures
from tests.bench.world import World

KEYS = {
    "expiry": {"ttl_sweep_ms"},
    "history": {
        "history_write_ratio",
        "history_bulk_ratio",
        "audit_export_vs_copy",
        "audit_export_peak_mb",
        "audit_export_rows_per_s",
    },
    "inbox": {"inbox_ms"},
    "lists": {"env_list_ms", "permission_list_queries"},
    "policy": {"policy_eval_ms", "policy_vs_engine"},
}


def test_percentiles_are_values_that_were_measured():
    assert figures.spread([3.0, 1.0, 2.0, 4.0]) == {"p50": 2.0, "p95": 4.0}
    assert figures.percentile([7.0], 0.5) == 7.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_small_run_gives_every_figure(name, demo, monkeypatch, settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    monkeypatch.setenv("BENCH_SCALE", "0.001")
    monkeypatch.setattr("tests.bench.lists.REQUESTS", 5)
    monkeypatch.setattr("tests.bench.inbox.REQUESTS", 5)
    owner = urlsplit(os.environ["BERTH_TEST_OWNER_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    world = World(Path("unused"), urlunsplit(owner), "", "")
    assert set(import_module(f"tests.bench.{name}").run(world, demo)) == KEYS[name]
