"""Each test has a repository of its own, in a state directory of its own."""

from dataclasses import replace

import pytest

from tests.gitops.world import World


@pytest.fixture
def world(settings, tmp_path):
    """A remote repository with one file, and a driver that signs."""
    settings.BERTH = replace(settings.BERTH, var=tmp_path)
    return World(tmp_path)


@pytest.fixture
def reviewed(world):
    """The same, where people merge what is pushed."""
    world.config |= {"mode": "pull-request", "merge_seconds": 1}
    return world
