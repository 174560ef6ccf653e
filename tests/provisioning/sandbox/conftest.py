"""Fixtures of the sandbox driver's tests: the daemons once a module, a fresh set of rows for each test."""

import os

import pytest

from tests import people
from tests.provisioning.sandbox.world import Daemons, Sandbox


@pytest.fixture(scope="module")
def daemons(django_db_setup, django_db_blocker, tmp_path_factory):
    var = tmp_path_factory.mktemp("sandbox")
    for place in (var, *var.parents):
        if place.stat().st_uid == os.geteuid() and place.is_relative_to("/tmp"):
            place.chmod(place.stat().st_mode | 0o011)
    found = Daemons(var)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def sandbox(transactional_db, daemons):
    return Sandbox(daemons, people.make())
