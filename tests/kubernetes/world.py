"""One environment on the real API server, as the tests of the driver's own behaviour need it. No test is in here."""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from provisioning.drivers.base import ReleaseSpec, StepKey, TargetSpec
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.drivers.kubernetes.driver import KubernetesDriver
from provisioning.drivers.kubernetes.names import namespace_of
from tests.cluster import fixtures
from tests.cluster.client import Client, address
from tests.contract.carrying import free
from tests.contract.harness import Harness
from tests.kubernetes.objects import RESOURCES


class World:
    """An environment, the driver, and the cluster past the driver."""

    def __init__(self, name="shop", **changes):
        self.where = address(Path(os.environ[fixtures.KUBECONFIG]))
        self.client = Client(self.where)
        self.driver = driver_of(self.where)
        config = {"server": self.where.url, "ca": self.where.authority, "namespace_prefix": "own-", "wait_s": 20}
        fields = {
            "target": TargetSpec("own", config, "targets/own"),
            "resources": RESOURCES,
            "parameters": {"greeting": "hi", "replicas": 1},
            "release": release(1),
            **changes,
        }
        self.spec = Harness.blank(name, **fields)
        self.fence, self.lines = 0, []

    @property
    def namespace(self):
        return namespace_of(self.spec)

    def key(self, guard=free, operation="operation-1", stopping=lambda: False):
        self.fence += 1
        return StepKey(operation, self.fence, guard, stopping)

    def plan(self, verb):
        return self.driver.plan(self.spec, self.driver.observe(self.spec), verb)

    def carry_out(self, verb, key=None):
        plan, key = self.plan(verb), key or self.key(operation=f"{verb}-{self.fence}")
        for step in self.driver.steps(self.spec, verb, plan):
            if not step.done(self.driver.observe(self.spec)):
                step.apply(key, self.lines.append)
        return plan

    def change(self, **changes):
        self.spec = replace(self.spec, **changes)

    def live(self, kind, name, group="apps/v1"):
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        return self.client.get(f"{root}/namespaces/{self.namespace}/{kind}/{name}")

    def simulate(self, wish):
        """Ask the simulator for trouble with every pod made from now on."""
        notes = {"simulate.test/pods": wish}
        self.client.merge(f"/api/v1/namespaces/{self.namespace}", {"metadata": {"annotations": notes}})

    def remove(self):
        try:
            self.client.delete(f"/api/v1/namespaces/{self.namespace}")
        except httpx.HTTPStatusError:
            return


@contextmanager
def standing(**changes):
    """An environment that was created; removed afterwards."""
    world = World(**changes)
    try:
        world.carry_out("create")
        yield world
    finally:
        world.remove()


def release(n):
    return ReleaseSpec(f"{n}.0.0", "sha256:" + f"{n:064x}")


def driver_at(kubeconfig):
    """The driver of a worker in a process of its own."""
    return driver_of(address(Path(kubeconfig)))


def driver_of(where):
    return KubernetesDriver(Connections(token=lambda _target: where.token, limit_s=20))
