"""Finds drivers by name: ours, third parties' by the entry point `berth.drivers`, and BERTH_EXTRA_DRIVERS' ones."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from django.conf import settings

from catalog.drivers import Terms
from provisioning.drivers.base import Driver, DriverRejected

GROUP = "berth.drivers"
BUILT_IN = {
    "gitops": "provisioning.drivers.gitops.driver:GitopsDriver",
    "kubernetes": "provisioning.drivers.kubernetes.driver:KubernetesDriver",
    "sandbox": "provisioning.drivers.sandbox.driver:SandboxDriver",
    "terraform": "provisioning.drivers.terraform.driver:TerraformDriver",
}


@cache
def driver(name: str) -> Driver:
    """The driver with this name. Raises DriverRejected when nothing of that name is installed."""
    place = BUILT_IN.get(name) or _extra().get(name)
    if place is not None:
        return _made(place)
    for entry in entry_points(group=GROUP, name=name):
        loaded: Driver = entry.load()()
        return loaded
    raise DriverRejected(f"No driver named {name} is installed on this worker.")


def names() -> list[str]:
    """Every driver that can be asked for, sorted. Loads none."""
    return sorted({*BUILT_IN, *_extra(), *(entry.name for entry in entry_points(group=GROUP))})


def terms(name: str) -> Terms | None:
    """What the driver asks of a template, or None when it is not installed."""
    if name not in names():
        return None
    found = driver(name)
    return Terms(schema=found.template_schema, problems=found.problems)


def _extra() -> dict[str, str]:
    """What BERTH_EXTRA_DRIVERS adds: name to `module:Class`."""
    pairs = (extra.partition("=") for extra in settings.BERTH.extra_drivers)
    return {name: place for name, _, place in pairs}


def _made(place: str) -> Driver:
    module, _, attribute = place.partition(":")
    made: Driver = getattr(import_module(module), attribute)()
    return made
