"""What the tests' own drivers share: a plan as the difference of two worlds. How it is done is each driver's own."""

from collections.abc import Callable, Mapping
from typing import Any

from provisioning.drivers.base import Change, Plan, Resources


def difference(wanted: Mapping[str, Mapping[str, Any]], observed: Resources, *, backwards: bool = False) -> Plan:
    """The changes that turn what was observed into what is wanted, by address; `backwards`: the last address first."""
    changes = []
    for address in sorted({*wanted, *observed}, reverse=backwards):
        before = dict(observed[address].state) if address in observed else None
        after = wanted.get(address)
        if before != after:
            action = "create" if before is None else "destroy" if after is None else "change"
            changes.append(Change(address, action, before, after))
    return Plan(tuple(changes))


def stands(change: Change) -> Callable[[Resources], bool]:
    """A question: is the resource as the change leaves it?"""

    def done(observed: Resources) -> bool:
        found = observed.get(change.address)
        return (dict(found.state) if found else None) == change.after

    return done
