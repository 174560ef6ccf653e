"""Workers in processes of their own that are killed, or stopped past their lease, at each write to the repository."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from tests.gitops.world import key
from tests.processes import ROOT

pytestmark = pytest.mark.servers
PATH = "environments/dev/shop/deployment-web.yaml"


def changed(world, replicas=5):
    return world.spec(parameters={"replicas": replicas}, secrets=())


def worker(world, *, at, number, fence):
    """A worker that begins to change the environment and meets a signal on its way."""
    spec = asdict(changed(world))
    told = {"var": str(world.home), "key": str(world.home / "signing"), "spec": spec, "at": at, "fence": fence}
    argv = [sys.executable, "-m", "tests.gitops.worker", json.dumps({**told, "signal": int(number)})]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.fixture
def created(world):
    """An environment of two replicas."""
    world.carry_out(world.spec(secrets=()), "create", key("op-1", fence=10))
    return world


@pytest.mark.parametrize(("at", "pushed"), [("commit", 0), ("guard", 0), ("push", 1)])
def test_wherever_a_worker_is_killed_the_next_one_ends_it_with_one_commit(created, at, pushed):
    dying = worker(created, at=at, number=signal.SIGKILL, fence=11)
    assert dying.wait(60) == -signal.SIGKILL
    assert len(created.commits()) == 2 + pushed
    created.carry_out(changed(created), "update", key("op-dying", fence=12))
    assert created.commits() == ["Change shop in dev", "Create shop in dev", "Begin"]
    assert "replicas: 5" in created.files()[PATH]
    assert created.verified("main")


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing_when_it_goes_on(created):
    stopped = worker(created, at="guard", number=signal.SIGSTOP, fence=11)
    assert os.WIFSTOPPED(os.waitpid(stopped.pid, os.WUNTRACED)[1])
    created.carry_out(changed(created, 3), "update", key("op-2", fence=12))
    before = created.git("rev-parse", "main")
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(60) == 3
    assert created.git("rev-parse", "main") == before
    assert "replicas: 3" in created.files()[PATH]
