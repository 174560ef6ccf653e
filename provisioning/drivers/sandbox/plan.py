"""What an environment shall consist of, and the difference to what is there. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import Change, DriverRejected, EnvironmentSpec, Plan, Resources
from provisioning.drivers.sandbox.names import Names

KINDS = ("create", "suspend", "resume", "destroy", "deploy", "update", "reconcile")
UNKNOWN = {"workload.process": ("port",)}
State = Mapping[str, Any]


def names_of(spec: EnvironmentSpec) -> Names:
    """Return the names of an environment's resources."""
    return Names(environment=spec.id, label=spec.name)


def is_suspended_after(spec: EnvironmentSpec, kind: str) -> bool:
    """Tell whether the environment is suspended once an operation of this kind has ended."""
    return kind == "suspend" or (spec.suspended and kind not in {"create", "resume"})


def wanted(spec: EnvironmentSpec, kind: str, secrets: tuple[str, ...]) -> dict[str, State]:
    """Return each resource the environment shall have after the operation, by address."""
    if kind not in KINDS:
        raise DriverRejected(f"The sandbox driver does not know the operation {kind!r}.")
    if kind == "destroy":
        return {}
    names, suspended = names_of(spec), is_suspended_after(spec, kind)
    found: dict[str, State] = {
        "vault.policy": {"name": names.short},
        "vault.approle": {"name": names.short},
    }
    if secrets:
        found["vault.path"] = {"path": names.vault_path, "secrets": list(secrets)}
    if spec.resources.get("database"):
        found["postgres.role"] = {"name": names.database}
        found["postgres.database"] = {"name": names.database, "state": "closed" if suspended else "open"}
    if spec.resources.get("cache"):
        state = "off" if suspended else "on"
        found["valkey.user"] = {"name": names.short, "prefix": names.key_prefix, "state": state}
    if spec.resources.get("workload"):
        found["workload.process"] = _process(spec, suspended=suspended)
        found["router.route"] = {"host": names.label, "state": "suspended" if suspended else "serve"}
    return found


def difference(observed: Resources, target: Mapping[str, State]) -> Plan:
    """Return the changes that lead from what is there to the target, sorted by address."""
    changes: list[Change] = []
    for address in sorted({*observed, *target}):
        have = observed.get(address)
        want = target.get(address)
        if have is None and want is not None:
            changes.append(Change(address, "create", None, want, UNKNOWN.get(address, ())))
        elif have is not None and want is None:
            changes.append(Change(address, "destroy", dict(have.state), None))
        elif have is not None and want is not None:
            before = {name: have.state.get(name) for name in want}
            if before != want:
                changes.append(Change(address, "change", before, want))
    return Plan(tuple(changes))


def release_of(spec: EnvironmentSpec) -> dict[str, str]:
    """Return the part of a release that a workload and its page show."""
    if spec.release is None:
        return {}
    return {"version": spec.release.version, "digest": spec.release.digest}


def _process(spec: EnvironmentSpec, *, suspended: bool) -> State:
    return {
        "image": spec.resources["workload"]["image"],
        "parameters": dict(spec.parameters),
        "release": release_of(spec),
        "state": "stopped" if suspended else "running",
    }
