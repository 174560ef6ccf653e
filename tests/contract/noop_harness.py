"""The dictionary driver of the engine's tests keeps to the contract too."""

import copy
from dataclasses import replace

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from tests import noop
from tests.contract.harness import Harness


class NoopHarness(Harness):
    name = "noop"

    def begin(self):
        noop.reset()
        noop.STEPS[:] = ["cache", "database", "web"]

    def make_driver(self):
        return noop.NoopDriver()

    def spec(self, name, **changes):
        return self.blank(name, **{"parameters": {"size": "S"}, "release": self.release(1), **changes})

    def fingerprint(self, spec):
        strays = {id.removeprefix(spec.id): state for id, state in noop.STRAYS.items() if id.startswith(spec.id)}
        return copy.deepcopy({**strays, **(noop.WORLD.get(spec.id) or {})})

    def changed(self, spec):
        return replace(spec, parameters={"size": "M"}), frozenset(noop.STEPS)

    def vandalise(self, spec):
        noop.WORLD[spec.id]["web"]["running"] = False
        del noop.WORLD[spec.id]["cache"]

    def strays(self, spec):
        made = {f"{spec.id}{address}": {"found": address} for address in ("cache", "web")}
        noop.STRAYS.update(made)
        return {address: f"{spec.id}{address}" for address in ("cache", "web")}

    def break_target(self):
        noop.HOOKS["call"] = _away

    def mend(self):
        noop.HOOKS.pop("call", None)

    def bad_spec(self, name):
        noop.TROUBLE["web"] = [DriverRejected("No such size.")]
        return self.spec(name)

    def cleanup(self, spec):
        noop.WORLD.pop(spec.id, None)


def _away():
    raise DriverUnavailable("The dictionary is away.")
