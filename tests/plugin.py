"""Starts the real servers once a session, before settings are read; xdist workers inherit the addresses.

Loaded early by `-p tests.plugin`, so run the suite as `python -m pytest`.
"""

import os
import pathlib
import re
import shutil
import tempfile
from zlib import crc32

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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
            "BERTH_EXTRA_DRIVERS": ",".join(
                ["noop=tests.noop:NoopDriver", "filed=tests.filed:FiledDriver", "paused=tests.paused:PausedDriver"]
            ),
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


# Each of these shares one portal: one worker takes the whole group, and takes it first, because it lasts longest.
GROUPS = {
    "tests/browser/": "browser",
    "tests/chaos/test_run.py": "chaos",
    "tests/security/": "whole",
    "tests/portal/test_whole_portal.py": "whole",
}


CONTRACT = "tests/contract/test_driver_contract.py::"
TABLES = ("tests/truth/", "tests/portal/test_role_matrix.py::")
PARTS = 3


def group_of(nodeid: str) -> str:
    """What runs on one worker: what shares a portal or a driver's world, part of a table, else a file."""
    if nodeid.startswith(CONTRACT):
        return re.split(r"[\[\]-]", nodeid)[1]
    if nodeid.startswith(TABLES):
        return f"{nodeid.partition('::')[0]} {crc32(nodeid.encode()) % PARTS}"
    return next((name for place, name in GROUPS.items() if nodeid.startswith(place)), nodeid.partition("::")[0])


class ByGroup(LoadScopeScheduling):
    """Hands out groups and files, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Ours, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return ByGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long groups first; among themselves, tests stay in their random order."""
    long = set(GROUPS.values())
    items.sort(key=lambda item: not (item.nodeid.startswith((CONTRACT, *TABLES)) or group_of(item.nodeid) in long))
