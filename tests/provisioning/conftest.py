"""Every engine test starts with an empty outside world."""

import pytest

from tests import noop


@pytest.fixture(autouse=True)
def _empty_world() -> None:
    noop.reset()
