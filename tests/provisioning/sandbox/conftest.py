"""What each of the sandbox driver's tests has: the daemons of its module, and a fresh set of rows."""

import pytest

from tests import people
from tests.provisioning.sandbox.world import Sandbox


@pytest.fixture
def sandbox(transactional_db, daemons):
    return Sandbox(daemons, people.make())
