"""A worker that was stopped past its lease, and then goes on, leaves nothing: each write path of the sandbox driver."""

import os

import pytest

from audit.context import context
from provisioning.drivers.registry import driver
from tests import people
from tests.paused import Stage, proof, two_workers
from tests.provisioning.engine import ask
from tests.provisioning.sandbox.world import FULL, Daemons
from tests.world import finished

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]
SANDBOX = "provisioning.drivers.sandbox.driver:SandboxDriver"
CREATE = [
    *[("credentials", n) for n in (1, 2, 3)],
    *[("database", n) for n in (1, 2, 3)],
    *[(step, 1) for step in ("cache", "workload", "route")],
]
DESTROY = [
    *[(step, 1) for step in ("route", "workload", "cache")],
    *[("database", n) for n in (1, 2)],
    *[("credentials", n) for n in (1, 2, 3)],
]
PARTS = ("database", "cache", "workload", "route")


@pytest.fixture(scope="module")
def daemons(django_db_setup, django_db_blocker, tmp_path_factory):
    var = tmp_path_factory.mktemp("paused")
    for place in (var, *var.parents):
        if place.stat().st_uid == os.geteuid() and place.is_relative_to("/tmp"):
            place.chmod(place.stat().st_mode | 0o011)
    found = Daemons(var)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def stage(daemons, demo, tmp_path, monkeypatch):
    monkeypatch.setenv("BERTH_PAUSED_DRIVER", SANDBOX)
    monkeypatch.setenv("BERTH_PAUSED_DIR", str(tmp_path))
    driver.cache_clear()
    with context(by="system:test"):
        number = {"number": "2.0.0", "digest": "sha256:" + "e" * 64, "resources": FULL}
        demo.version = people.make_version(driver="paused", **number)
    with two_workers(BERTH_ROUTER_PORT=str(daemons.router_port), BERTH_VAR=str(daemons.var)):
        yield Stage(demo, tmp_path)
    driver.cache_clear()


@pytest.mark.parametrize(("step", "write"), CREATE)
def test_a_creator_stopped_before_a_write_and_continued_after_the_destruction_leaves_nothing(stage, step, write):
    assert proof(stage, verb="create", step=step, write=write).status == "destroyed"


@pytest.mark.parametrize(("step", "write"), DESTROY)
def test_a_destroyer_stopped_before_a_write_and_continued_leaves_nothing(stage, step, write):
    assert proof(stage, verb="destroy", step=step, write=write).status == "destroyed"


def test_a_suspender_and_a_resumer_stopped_before_a_write_change_nothing_afterwards(stage):
    environment = proof(stage, verb="suspend", step=PARTS[0])
    for step in PARTS[1:]:
        environment = proof(stage, verb="suspend", step=step, environment=environment)
    assert environment.status == "ready"
    finished(ask(stage.demo, environment, "suspend"))
    environment.refresh_from_db()
    for step in PARTS:
        environment = proof(stage, verb="resume", step=step, environment=environment)
    assert environment.status == "suspended"
