"""Starts the real servers once a session, before settings are read; xdist workers inherit the addresses.

Loaded early by `-p tests.plugin`, so run the suite as `python -m pytest`.
"""

import os
import pathlib
import shutil
import tempfile

import psycopg
import pytest

from portal.embedded import roles
from tests import servers

BASE = "BERTH_TEST_SERVERS"


def _start() -> None:
    base = pathlib.Path(tempfile.mkdtemp(prefix="berth-test-"))
    env = servers.start_all(base)
    with psycopg.connect(servers.last.admin_url, dbname="template1", autocommit=True) as connection:
        connection.execute(roles.GRANTS)
    os.environ.update(env)
    os.environ.update(
        {
            BASE: str(base),
            "BERTH_TEST_APP_URL": env["DATABASE_URL"],
            "BERTH_TEST_OWNER_URL": env["DATABASE_OWNER_URL"],
            "DATABASE_URL": env["DATABASE_OWNER_URL"],
            "DEBUG": "0",
            "BERTH_LEASE_SECONDS": "2",
            "BERTH_CALL_LIMIT_SECONDS": "1",
            "BERTH_EXTRA_DRIVERS": "noop=tests.noop:NoopDriver,filed=tests.filed:FiledDriver",
        }
    )


if BASE not in os.environ:
    _start()
os.environ["BERTH_BROKER_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Only the process that started the servers ends them."""
    if hasattr(config, "workerinput"):
        return
    servers.stop()
    shutil.rmtree(os.environ.pop(BASE, ""), ignore_errors=True)
