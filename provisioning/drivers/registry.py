"""Finds drivers by name: ours, and third parties' by the entry point `berth.drivers`."""

from functools import cache
from importlib.metadata import entry_points

from provisioning.drivers.base import Driver, DriverRejected


@cache
def driver(name: str) -> Driver:
    """The driver with this name. Raises DriverRejected when nothing of that name is installed."""
    if name == "sandbox":
        from provisioning.drivers.sandbox.driver import SandboxDriver

        return SandboxDriver()
    for entry in entry_points(group="berth.drivers", name=name):
        loaded: Driver = entry.load()()
        return loaded
    raise DriverRejected(f"No driver named {name} is installed on this worker.")
