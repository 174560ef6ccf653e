"""What engine tests ask for: a lease that outlives them, and the sandbox's daemons, once a module."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.provisioning.sandbox.world import Daemons


@pytest.fixture
def one_moment(settings: Any) -> None:
    """For tests in one transaction, in which the database's clock stands still: a lease outlives the whole test."""
    settings.BERTH = replace(settings.BERTH, lease_seconds=3600)


@pytest.fixture(scope="module")
def daemons(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemons]:
    """sandboxd and a router of their own, on the database of the tests."""
    found = Daemons(tmp_path_factory.mktemp("daemons"))
    found.start()
    yield found
    found.stop()
