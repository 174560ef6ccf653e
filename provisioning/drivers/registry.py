"""Finds drivers by name: ours, third parties' by the entry point `berth.drivers`, and BERTH_EXTRA_DRIVERS' ones."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from django.conf import settings

from provisioning.drivers.base import Driver, DriverRejected


@cache
def driver(name: str) -> Driver:
    """The driver with this name. Raises DriverRejected when nothing of that name is installed."""
    if name == "sandbox":
        from provisioning.drivers.sandbox.driver import SandboxDriver

        return SandboxDriver()
    for extra in settings.BERTH.extra_drivers:
        known, _, place = extra.partition("=")
        module, _, attribute = place.partition(":")
        if known == name:
            made: Driver = getattr(import_module(module), attribute)()
            return made
    for entry in entry_points(group="berth.drivers", name=name):
        loaded: Driver = entry.load()()
        return loaded
    raise DriverRejected(f"No driver named {name} is installed on this worker.")
