"""Every engine test starts with an empty outside world."""

from dataclasses import replace
from typing import Any

import pytest

from tests import noop


@pytest.fixture(autouse=True)
def _empty_world() -> None:
    noop.reset()


@pytest.fixture
def one_moment(settings: Any) -> None:
    """For tests in one transaction, in which the database's clock stands still: a lease outlives the whole test."""
    settings.BERTH = replace(settings.BERTH, lease_seconds=3600)
