"""Health tells mixed versions apart; reconcile brings back exactly what is recorded, running or suspended."""

import dataclasses

import pytest
import redis
from django.conf import settings

from provisioning.drivers.sandbox.plan import names_of
from provisioning.models import Workload
from tests.provisioning.sandbox.world import TWO

pytestmark = pytest.mark.servers


def _lose_the_cache_user(spec):
    redis.Redis.from_url(settings.BERTH.sandbox_redis_url).acl_deluser(names_of(spec).short)


def test_f6_health_says_which_releases_are_mixed(sandbox):
    spec = sandbox.environment("mixed")
    sandbox.carry_out("create", spec)
    assert (sandbox.driver.health(spec).status, sandbox.driver.health(spec).releases) == ("healthy", ("1.0.0",))
    wanted = {"version": TWO.version, "digest": TWO.digest}
    Workload.objects.filter(pk=spec.id).update(release=wanted)
    found = sandbox.driver.health(dataclasses.replace(spec, release=TWO))
    assert (found.status, found.releases) == ("mixed", ("1.0.0", "2.0.0"))
    assert found.reason == "2.0.0 is recorded, 2.0.0 shall run and 1.0.0 answers."
    sandbox.carry_out("destroy", spec)
    assert sandbox.driver.health(spec).status == "unknown"


def test_reconcile_brings_back_what_is_recorded(sandbox):
    spec = sandbox.environment("mended")
    sandbox.carry_out("create", spec)
    before = sandbox.driver.observe(spec)
    assert sandbox.driver.plan(spec, before, "reconcile").changes == ()
    _lose_the_cache_user(spec)
    plan = sandbox.driver.plan(spec, sandbox.driver.observe(spec), "reconcile")
    assert [(c.address, c.action) for c in plan.changes if c.address.startswith("valkey")] == [
        ("valkey.user", "create")
    ]
    sandbox.carry_out("reconcile", spec)
    assert sandbox.driver.observe(spec) == before
    sandbox.carry_out("destroy", spec)


def test_reconcile_of_a_suspended_environment_leaves_it_suspended(sandbox):
    spec = sandbox.environment("asleep")
    sandbox.carry_out("create", spec)
    sandbox.carry_out("suspend", spec)
    asleep = dataclasses.replace(spec, suspended=True)
    before = sandbox.driver.observe(asleep)
    _lose_the_cache_user(spec)
    sandbox.carry_out("reconcile", asleep)
    assert sandbox.driver.observe(asleep) == before
    sandbox.carry_out("destroy", asleep)
