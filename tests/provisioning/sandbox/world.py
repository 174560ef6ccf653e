"""A sandbox for one test module: sandboxd and a router as real processes, and the driver that uses them."""

import dataclasses
import http.client
import json
import os
import subprocess
import sys
import time

from provisioning.drivers.base import EnvironmentSpec, ReleaseSpec, StepKey
from provisioning.drivers.sandbox.driver import SandboxDriver
from provisioning.drivers.sandbox.steps import world_from_settings
from provisioning.models import Workload
from tests import people
from tests.processes import ROOT, free_port, wait_until

WATCHING = "watching over the workloads in "
FULL = {"database": True, "cache": True, "workload": {"image": "web-service"}}
ONE = ReleaseSpec("1.0.0", "sha256:" + "1" * 64)
TWO = ReleaseSpec("2.0.0", "sha256:" + "2" * 64)


def _end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Daemons:
    """The two daemons of one test module; `var` is theirs alone."""

    def __init__(self, var):
        self.var = var
        self.router_port, self.public_port = free_port(), free_port()
        self.environ = {
            **os.environ,
            "BERTH_VAR": str(var),
            "BERTH_PORT": str(self.public_port),
            "BERTH_ROUTER_PORT": str(self.router_port),
            "DJANGO_SETTINGS_MODULE": "tests.provisioning.sandbox.attack_settings",
        }
        self.sandboxd = self.router = None
        self.started = []

    def start(self):
        """Start both, in a directory that the workloads' own users can reach."""
        for place in (self.var, *self.var.parents):
            if place.stat().st_uid == os.geteuid() and place.is_relative_to("/tmp"):
                place.chmod(place.stat().st_mode | 0o011)
        self.router = self.run("router")
        self.start_sandboxd()

    def start_sandboxd(self, **extra):
        """Return once it has taken its directory: a second one that starts too early would win it."""
        before = self.said().count(WATCHING)
        self.sandboxd = self.run("sandboxd", **extra)
        wait_until(lambda: self.said().count(WATCHING) > before, 60)

    def restart_sandboxd(self, **extra):
        _end(self.sandboxd)
        self.start_sandboxd(**extra)

    def run(self, name, **extra):
        """Start one daemon, which `stop` ends whoever asked for it."""
        with (self.var / f"{name}.out").open("ab") as log:
            command = [sys.executable, str(ROOT / "manage.py"), name]
            self.started.append(
                subprocess.Popen(command, env={**self.environ, **extra}, stdout=log, stderr=log, cwd=ROOT)
            )
        return self.started[-1]

    def stop(self):
        for process in self.started:
            _end(process)

    def said(self, name="sandboxd"):
        path = self.var / f"{name}.out"
        return path.read_text() if path.exists() else ""


class Sandbox:
    """The driver, one environment after another, and the answers of each."""

    def __init__(self, daemons, demo):
        self.daemons, self.demo, self.fence = daemons, demo, 0
        self.driver = SandboxDriver(dataclasses.replace(world_from_settings(), router_port=daemons.router_port))
        self.lines, self.seconds = [], {}

    def environment(self, name, resources=FULL, parameters=None, release=ONE):
        row = people.environment(self.demo, name, driver="sandbox")
        return EnvironmentSpec(
            id=str(row.pk),
            name=name,
            tier="dev",
            team="payments",
            service="payments-api",
            template="sha256:0",
            parameters=parameters or {"greeting": "hi"},
            resources=resources,
            release=release,
            secrets=(),
        )

    def key(self):
        self.fence += 1
        return StepKey(operation="operation-1", fence=self.fence, guard=lambda: None)

    def carry_out(self, kind, spec):
        """Do what the engine does: plan on what is observed, then each step that is not done yet."""
        key, began, names = self.key(), time.monotonic(), []
        plan = self.driver.plan(spec, self.driver.observe(spec), kind)
        for step in self.driver.steps(spec, kind, plan):
            if not step.done(self.driver.observe(spec)):
                step.apply(key, self.lines.append)
                names.append(step.name)
        self.seconds[kind] = time.monotonic() - began
        return names

    def ask(self, spec, path="/", accept="application/json"):
        client = http.client.HTTPConnection("127.0.0.1", self.daemons.router_port, timeout=5)
        client.request("GET", path, headers={"Host": f"{spec.name}.localhost", "Accept": accept})
        answer = client.getresponse()
        body = answer.read().decode()
        client.close()
        return answer.status, json.loads(body) if answer.headers["Content-Type"] == "application/json" else body

    def workload(self, spec):
        return Workload.objects.get(pk=spec.id)
