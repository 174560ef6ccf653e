"""A worker that was stopped past its lease, and then goes on, leaves nothing: each write path of the sandbox driver."""

import pytest
import redis
from django.conf import settings

from audit.context import context
from provisioning.drivers.registry import driver
from provisioning.drivers.sandbox.plan import names_of
from provisioning.models import Workload
from provisioning.specs import spec_of
from tests import people
from tests.delivery.test_releases import release
from tests.paused import Stage, proof, proof_of_undo, two_workers
from tests.provisioning.engine import ask, requested
from tests.provisioning.sandbox.world import FULL
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
UNDO = [
    *[(step, 1) for step in ("route", "workload", "cache")],
    *[("database", n) for n in (1, 2)],
    *[("credentials", n) for n in (1, 2, 3)],
]


@pytest.fixture(scope="module")
def place(daemons, tmp_path_factory):
    """Where wishes are put, and two workers that look there: they go on from test to test, as workers do."""
    place = tmp_path_factory.mktemp("wishes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTH_PAUSED_DRIVER", SANDBOX)
        patch.setenv("BERTH_PAUSED_DIR", str(place))
        driver.cache_clear()
        with two_workers(BERTH_ROUTER_PORT=str(daemons.router_port), BERTH_VAR=str(daemons.var)):
            yield place
    driver.cache_clear()


@pytest.fixture
def stage(place, demo):
    for left in place.iterdir():
        left.unlink()
    with context(by="system:test"):
        number = {"number": "2.0.0", "digest": "sha256:" + "e" * 64, "resources": FULL}
        demo.version = people.make_version(driver="paused", **number)
    return Stage(demo, place, arguments={})


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


def test_an_updater_stopped_before_its_write_does_not_bring_the_old_wish_back(stage):
    stage.arguments["update"] = ({"parameters": {"greeting": "good day"}}, {"parameters": {"greeting": "good night"}})
    environment = proof(stage, verb="update", step="workload")
    assert (environment.status, environment.parameters["greeting"]) == ("ready", "good night")
    assert Workload.objects.get(pk=environment.pk).parameters["greeting"] == "good night"


def test_a_deployer_stopped_before_its_write_does_not_bring_its_release_back(stage):
    wishes = [{"release": release(stage.demo, number).as_spec()} for number in ("1.1.0", "1.2.0")]
    stage.arguments["deploy"] = (wishes[0], wishes[1])
    environment = proof(stage, verb="deploy", step="workload")
    assert (environment.status, environment.release["version"]) == ("ready", "1.2.0")
    assert Workload.objects.get(pk=environment.pk).release["version"] == "1.2.0"


def test_a_mender_stopped_before_its_write_repeats_nothing(stage):
    environment = finished(requested(stage.demo)).environment
    environment.refresh_from_db()
    with redis.Redis.from_url(settings.BERTH.sandbox_redis_url) as cache:
        cache.acl_deluser(names_of(spec_of(environment)).short)
    assert proof(stage, verb="reconcile", step="cache", environment=environment).status == "ready"


@pytest.mark.parametrize(("step", "write"), UNDO)
def test_a_worker_stopped_while_it_undoes_leaves_nothing(stage, step, write):
    assert proof_of_undo(stage, step=step, write=write).status == "destroyed"
