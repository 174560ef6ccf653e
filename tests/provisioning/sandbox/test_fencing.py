"""An operation that lost its lease writes nothing, on any of the servers."""

import dataclasses

import pytest
from django.conf import settings

from provisioning.drivers.base import LeaseLost
from provisioning.drivers.sandbox import desired
from provisioning.drivers.sandbox.plan import names_of

pytestmark = pytest.mark.servers
DATA = {"database": True, "cache": True}


def refuse():
    raise LeaseLost("too late")


def test_f1_an_older_fence_is_refused_by_database_and_cache_even_after_destroy(sandbox):
    spec, names = sandbox.environment("fenced", DATA), None
    names, old = names_of(spec), sandbox.key()
    sandbox.carry_out("create", spec)
    password = sandbox.driver.world.credentials.password(names, "database")
    sandbox.carry_out("destroy", spec)
    with pytest.raises(LeaseLost):
        sandbox.driver.world.databases.create(names, password, old)
    with pytest.raises(LeaseLost):
        sandbox.driver.world.caches.create(names, password, old)
    assert dict(sandbox.driver.observe(spec)) == {}


def test_f1_an_older_fence_cannot_change_desired_state(sandbox):
    spec = sandbox.environment("fenced-2")
    old = sandbox.key()
    sandbox.carry_out("create", spec)
    before = sandbox.workload(spec).generation
    with pytest.raises(LeaseLost):
        desired.stop(names_of(spec), old, limit_s=1)
    with pytest.raises(LeaseLost):
        desired.serve(names_of(spec), 1, old, limit_s=1)
    assert (sandbox.workload(spec).generation, sandbox.workload(spec).desired) == (before, "running")
    sandbox.carry_out("destroy", spec)


@pytest.mark.parametrize("position", range(5))
def test_f1_a_lost_lease_stops_every_step_before_it_writes(sandbox, position):
    spec = sandbox.environment("fenced-3")
    plan = sandbox.driver.plan(spec, {}, "create")
    step = sandbox.driver.steps(spec, "create", plan)[position]
    sandbox.driver.world.credentials.create(
        dataclasses.replace(spec, resources=DATA), names_of(spec), sandbox.key()
    ) if position in {1, 2} else None
    before = sorted(sandbox.driver.observe(spec))
    desired.Workload.objects.create(pk=spec.id, image="x", desired="absent") if step.name == "route" else None
    with pytest.raises(LeaseLost, match="too late"):
        step.apply(dataclasses.replace(sandbox.key(), guard=refuse), sandbox.lines.append)
    assert sorted(sandbox.driver.observe(spec)) == before
    sandbox.carry_out("destroy", spec)


def test_the_ports_of_workloads_lie_outside_the_ephemeral_range(sandbox):
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        assert desired.PORTS.stop <= int(file.read().split()[0])
    assert settings.BERTH.router_port not in desired.PORTS
