"""A worker that slept past its lease writes nothing that stays: the cluster itself refuses its late calls."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from provisioning.drivers.base import LeaseLost
from tests.cluster import fixtures
from tests.contract.carrying import rebuilt, stored_form
from tests.kubernetes.objects import gist
from tests.kubernetes.world import standing

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.servers, pytest.mark.timeout(240)]
KINDS = {
    "deployments": "apis/apps/v1",
    "configmaps": "api/v1",
    "services": "api/v1",
    "cronjobs": "apis/batch/v1beta1",
}


@pytest.fixture(scope="module")
def world():
    with standing() as made:
        yield made


def everything(world):
    found = [
        gist(each)
        for kind, root in KINDS.items()
        for each in world.client.items(f"/{root}/namespaces/{world.namespace}/{kind}")
    ]
    return [*found, gist(world.client.get(f"/api/v1/namespaces/{world.namespace}"))]


def run_to_end(world, verb, plan, key):
    for step in world.driver.steps(world.spec, verb, plan):
        step.apply(key, world.lines.append)


def ask_for(world, verb, n):
    """Give the verb something to do, another time."""
    if verb == "update":
        world.change(parameters={"greeting": f"hello {verb} {n}", "replicas": 1})
    elif verb == "resume":
        world.carry_out("suspend")
    elif verb == "suspend":
        world.carry_out("resume")


@pytest.mark.parametrize("verb", ["update", "suspend", "resume"])
def test_a_worker_that_slept_between_guard_and_write_is_refused_by_the_cluster(world, verb):
    """While it sleeps another owner carries out the same plan; nothing of what that left is written again."""
    for n in range(1, 30):
        ask_for(world, verb, n)
        plan, calls, left = world.plan(verb), [], []

        def guard(calls=calls, left=left, n=n, plan=plan):
            calls.append(n)
            if len(calls) == n:
                run_to_end(world, verb, rebuilt(stored_form(plan)), world.key())
                left.append(everything(world))

        try:
            run_to_end(world, verb, plan, world.key(guard))
        except LeaseLost:
            assert everything(world) == left[0], f"asleep at guard {n}"
        else:
            assert len(calls) < n, f"the cluster took a late write, asleep at guard {n}"
            break
    assert n > 2


def test_a_process_stopped_by_a_signal_writes_nothing_when_it_goes_on(world):
    world.change(parameters={"greeting": "from the sleeper", "replicas": 1})
    plan = world.plan("update")
    with _sleeper(world, plan, stop_at=2) as process:
        assert process.stdout.readline() == "asleep\n"
        world.change(parameters={"greeting": "from the new owner", "replicas": 1})
        world.carry_out("update", world.key())
        left = everything(world)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "LeaseLost\n"
    assert everything(world) == left
    assert world.live("configmaps", "web", "v1")["data"]["greeting"] == "from the new owner"


def test_an_older_fence_is_refused_before_it_writes_anything(world):
    older, newer = world.key(), world.key()
    world.change(parameters={"greeting": "newest", "replicas": 1})
    world.carry_out("update", newer)
    world.change(parameters={"greeting": "older", "replicas": 1})
    left = everything(world)
    with pytest.raises(LeaseLost):
        world.carry_out("update", older)
    assert everything(world) == left


def test_every_object_says_which_fence_wrote_it(world):
    for kind, root in KINDS.items():
        for each in world.client.items(f"/{root}/namespaces/{world.namespace}/{kind}"):
            if each["metadata"]["name"] != "kube-root-ca.crt":
                assert int(each["metadata"]["annotations"]["berth/fence"]) > 0


class _sleeper:  # noqa: N801 - read as a function
    """A worker in a process of its own."""

    def __init__(self, world, plan, *, stop_at):
        spec = json.loads(json.dumps(dataclasses.asdict(world.spec), default=list))
        key = world.key()
        self.asked = {
            "spec": spec,
            "plan": stored_form(plan),
            "verb": "update",
            "operation": key.operation,
            "fence": key.fence,
            "stop_at": stop_at,
            "kubeconfig": os.environ[fixtures.KUBECONFIG],
        }

    def __enter__(self):
        command = [sys.executable, "-m", "tests.kubernetes.sleeper"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ})
        self.process.stdin.write(json.dumps(self.asked))
        self.process.stdin.close()
        return self.process

    def __exit__(self, *_error):
        self.process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
