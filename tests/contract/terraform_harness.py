"""The terraform driver with the real binary and the portal as its state server. The module needs no provider.

What it makes lives in the state alone, so the world is read there, past the driver, and in Vault. That the same holds
for real databases is shown in tests/terraform.
"""

import dataclasses
import json
import shutil
from contextlib import ExitStack, contextmanager

from django.conf import settings

from provisioning import vault
from provisioning.drivers.terraform import binary, process, state, workdir
from provisioning.drivers.terraform.driver import TerraformDriver
from provisioning.models import Environment
from tests import people
from tests.contract.carrying import FENCES
from tests.contract.harness import Harness
from tests.processes import wait_until, web

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
        self.real, self.running = settings.BERTH, ExitStack()
        self.here = dataclasses.replace(settings.BERTH, state_url=self.running.enter_context(web()))

    def stop(self):
        self.running.close()
        settings.BERTH = self.real

    def begin(self):
        self.demo = people.make()

    def settle(self):
        wait_until(lambda: not _left(), 2 * process.patience() + 10)

    def make_driver(self):
        return TerraformDriver()

    def spec(self, name, **changes):
        row = people.environment(self.demo, name, driver="terraform")
        return self.blank(name, id=str(row.pk), **{"resources": RESOURCES, **changes})

    def fingerprint(self, spec):
        with self._mended():
            document = json.loads(state.load(Environment(pk=spec.id).pk) or b"{}")
            shelf, path = vault.from_settings(), f"env/{spec.name}-{spec.id.replace('-', '')[:8]}"
            secrets = {name: shelf.kv_version(f"{path}/{name}") for name in shelf.kv_list(path)}
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
