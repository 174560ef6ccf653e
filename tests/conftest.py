"""The database made as the owner, used as the app; skips with the sentence how to get what is absent."""

import os
import shutil

import pytest

from tests import noop, people
from tests.cluster import fixtures
from tests.cluster.fixtures import cluster as cluster


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a cluster are chosen by `-m cluster` too."""
    for item in items:
        fixtures.mark(item)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what lacks something, with the sentence how to get it; where BERTH_REQUIRE names it, fail instead."""
    for mark in item.iter_markers("needs"):
        missing = _missing(mark.args[0])
        if missing and mark.args[0] in os.environ.get("BERTH_REQUIRE", "").split(","):
            pytest.fail(f"required but absent: {missing}", pytrace=False)
        if missing:
            pytest.skip(missing)


def _missing(what: str) -> str:
    """The sentence how to get it, or nothing when it is there."""
    if what == "chromium" and not shutil.which("chromium"):
        return "Chromium is absent. As root: apt-get install -y --no-install-recommends chromium"
    if what.endswith("cluster"):
        return fixtures.missing(what)
    if what == "terraform":
        from provisioning.drivers.terraform import binary

        return binary.problem()
    if what == "landlock":
        from provisioning.drivers.sandbox import landlock

        return "" if landlock.abi() else "This kernel has no Landlock."
    return ""


@pytest.fixture(autouse=True)
def _empty_world() -> None:
    """Every test starts with an empty outside world."""
    noop.reset()


@pytest.fixture(autouse=True)
def no_bundle_of_the_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without the database is judged by the shipped bundle; others by the one in force, as in the portal."""
    if not request.node.get_closest_marker("django_db") and "db" not in request.fixturenames:
        from policies import engine

        monkeypatch.setattr(engine, "_chosen", None)


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: pytest.FixtureRequest) -> None:
    """Create the database as the owner, then run everything as the app's role."""
    from django.db import connection
    from django.test.utils import setup_databases

    from tests import database

    suffix = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["NAME"] = f"test_berth_{suffix}"
        setup_databases(verbosity=0, interactive=False, keepdb="BERTH_TEST_KEEP" in os.environ)
        database.become_app(connection)
        os.environ["DATABASE_URL"] = database.app_url(connection)


@pytest.fixture
def demo(db: None) -> people.Demo:
    """A small organisation: Payments and Reliability, and the people that tests speak of."""
    return people.make()
