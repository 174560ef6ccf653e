"""The terraform driver with the real binary and the portal as its state server. The module needs no provider.

What it makes lives in the state alone, so the world is read there, past the driver, and in Vault. That the same holds
for real databases is shown in tests/terraform.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import httpx
from django.conf import settings

from audit.context import context
from provisioning import vault
from provisioning.drivers.terraform import binary, process, state, workdir
from provisioning.drivers.terraform.driver import TerraformDriver
from provisioning.models import Environment
from tests import people
from tests.contract.carrying import FENCES
from tests.contract.harness import Harness
from tests.processes import ROOT, wait_until
from tests.world import free_port

NOWHERE = "http://127.0.0.1:9"
MODULE = """
variable "word" {
  type    = string
  default = null
}
variable "release" { type = string }
variable "suspended" { type = bool }
variable "token" {
  type      = string
  sensitive = true
}
locals {
  is_plain = var.word == null && var.release == "" && !var.suspended
}
resource "terraform_data" "main" {
  input = [null, "${coalesce(var.word, "-")} ${var.release} ${var.suspended}"][local.is_plain ? 0 : 1]
}
output "login" {
  value     = { user = "app", token = var.token }
  sensitive = true
}
"""
RESOURCES = {"module": {"files": {"main.tf": MODULE}}, "variables": {"token": {"secret": "token"}}}


class TerraformHarness(Harness):
    slow = True
    name = "terraform"
    needs = "terraform"
    database = True
    leashed = True

    def missing(self):
        return binary.problem()

    def start(self, place):
        port = free_port()
        argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "6"]
        self.web = subprocess.Popen([*argv, "--log-level", "error"], cwd=ROOT, env=dict(os.environ))
        self.real = settings.BERTH
        self.here = dataclasses.replace(settings.BERTH, state_url=f"http://127.0.0.1:{port}")
        wait_until(lambda: _answers(self.here.state_url), 60)

    def stop(self):
        self.web.terminate()
        self.web.wait(20)
        settings.BERTH = self.real

    def begin(self):
        self.demo = people.make()

    def settle(self):
        wait_until(lambda: not _left(), 2 * process.patience() + 10)

    def make_driver(self):
        return TerraformDriver()

    def spec(self, name, **changes):
        with context(by="system:test"):
            row = Environment.objects.create(
                name=name,
                service=self.demo.api,
                team=self.demo.payments,
                tier="dev",
                owner=self.demo.mara,
                template_version=self.demo.version,
                driver="terraform",
            )
        return self.blank(name, id=str(row.pk), **{"resources": RESOURCES, **changes})

    def fingerprint(self, spec):
        with self._mended():
            document = json.loads(state.load(Environment(pk=spec.id).pk) or b"{}")
            shelf, path = vault.from_settings(), f"env/{spec.name}-{spec.id.replace('-', '')[:8]}"
            secrets = {name: shelf.kv_meta(f"{path}/{name}").version for name in shelf.kv_list(path)}
        found = [
            each["attributes"]["input"]["value"]
            for raw in document.get("resources", [])
            for each in raw["instances"]
            if each["attributes"]["input"]
        ]
        return {"inputs": sorted(found), "secrets": secrets}

    def changed(self, spec):
        return dataclasses.replace(spec, parameters={"word": "other"}), frozenset({"terraform_data.main"})

    def vandalise(self, spec):
        """Somebody takes the resource out of the state, and removes a secret."""
        document = json.loads(state.load(Environment(pk=spec.id).pk))
        document |= {"resources": [], "serial": document["serial"] + 1}
        state.rescue(spec.id, state.Fenced("a-stranger", next(FENCES)), json.dumps(document).encode())
        vault.from_settings().kv_destroy_all(f"env/{spec.name}-{spec.id.replace('-', '')[:8]}/token")

    def break_target(self):
        settings.BERTH = dataclasses.replace(self.here, vault_addr=NOWHERE, state_url=NOWHERE)

    def mend(self):
        settings.BERTH = self.here

    def bad_spec(self, name):
        files = {"main.tf": MODULE + 'resource "nothing_known" "x" {}\n'}
        return self.spec(f"{name}-bad", resources={**RESOURCES, "module": {"files": files}})

    def cleanup(self, spec):
        shelf, path = vault.from_settings(), f"env/{spec.name}-{spec.id.replace('-', '')[:8]}"
        for name in shelf.kv_list(path):
            shelf.kv_destroy_all(f"{path}/{name}")
        for place in workdir.home().glob(f"{workdir.mark()}-*"):
            if "prepared" not in place.name:
                shutil.rmtree(place, ignore_errors=True)

    def strays(self, spec):
        return {"terraform_data.main": "made-before"}

    def canaries(self, spec):
        shelf, path = vault.from_settings(), f"env/{spec.name}-{spec.id.replace('-', '')[:8]}"
        found = [shelf.kv_get(f"{path}/{name}") for name in shelf.kv_list(path)]
        return tuple(
            value.reveal()
            for each in found
            if each is not None
            for part, value in each.values.items()
            if part in {"token", "value"}
        )

    def leftovers(self):
        return tuple(_left())

    @contextmanager
    def _mended(self):
        broken, settings.BERTH = settings.BERTH, self.here
        try:
            yield
        finally:
            settings.BERTH = broken


def _left():
    """Directories of this process' runs."""
    found = workdir.home().glob(f"{workdir.mark()}-*")
    return [place.name for place in found if "prepared" not in place.name]


def _answers(url):
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
