"""Makes a plan with the binary and reads it: the same way before signing, at claim, and again after a death."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.drivers.base import Change, DriverRejected, EnvironmentSpec, Log, Resource, StepKey
from provisioning.drivers.terraform import changes as reading
from provisioning.drivers.terraform import module as modules
from provisioning.drivers.terraform import state, variables
from provisioning.drivers.terraform.outputs import ADDRESS
from provisioning.drivers.terraform.process import Watch
from provisioning.drivers.terraform.runs import READ_LIMIT_S, Run
from provisioning.vault import Vault

VERBS = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "adopt", "reconcile"})


def unheard(_line: str) -> None:
    """A plan before the claim has no log to speak into."""


@dataclass(frozen=True)
class Planned:
    """A plan file in its run's directory, what it changes, and which secrets it needs."""

    run: Run
    changes: tuple[Change, ...]
    values: variables.Values


def make(spec: EnvironmentSpec, kind: str, vault: Vault, *, log: Log = unheard, watch: Watch | None = None) -> Planned:
    """Plan the verb. The caller closes the run. Raises driver errors, and then nothing is left."""
    watch = watch or Watch(READ_LIMIT_S)
    module = modules.of(spec.resources)
    _possible(kind, module)
    values = variables.values_of(spec, module, kind, vault)
    run = Run.make(spec, module, vault, log)
    try:
        with run.reading():
            run.init(watch)
            run.plan(("-destroy",) if kind == "destroy" else (), values, watch)
        shown = run.show(watch)
        found = reading.of_plan(shown, veil(vault, values))
        if kind == "adopt":
            found = _only_imports(found)
        secrets = [] if kind == "adopt" else _secrets(spec, kind, shown, values, vault)
        return Planned(run, tuple(sorted([*found, *secrets], key=lambda change: change.address)), values)
    except BaseException:
        run.close()
        raise


def refreshed(spec: EnvironmentSpec, vault: Vault) -> tuple[dict[str, Any], variables.Values]:
    """What a refresh-only plan shows: the present state of everything, and what drifted."""
    module = modules.of(spec.resources)
    values = variables.values_of(spec, module, "update", vault)
    run = Run.make(spec, module, vault, unheard)
    watch = Watch(READ_LIMIT_S)
    try:
        with run.reading():
            run.init(watch)
            run.plan(("-refresh-only",), values, watch)
        return run.show(watch), values
    finally:
        run.close()


def forget(spec: EnvironmentSpec, addresses: list[str], vault: Vault, *, key: StepKey, log: Log) -> None:
    """Take resources out of the state and leave them alone."""
    run = Run.make(spec, modules.of(spec.resources), vault, log)
    watch = Watch(READ_LIMIT_S, key.guard, writes=True)
    try:
        with run.reading():
            run.init(watch)
        run.forget(addresses, state.Fenced(key.operation, key.fence), watch)
    finally:
        run.close()


def veil(vault: Vault, values: variables.Values) -> reading.Veil:
    """What hides the sensitive values of one run."""
    return reading.Veil(vault.transit_hmac, [value.reveal() for value in values.secret.values()])


def _possible(kind: str, module: modules.Module) -> None:
    if kind not in VERBS:
        raise DriverRejected(f"The terraform driver does not know the operation {kind!r}.")
    if kind == "suspend" and variables.SUSPENDED not in module.variables:
        raise DriverRejected("The module declares no variable `suspended`, so its environments cannot be suspended.")
    if kind == "deploy" and "release" not in module.variables:
        raise DriverRejected("The module declares no variable `release`, so nothing can be deployed to it.")


def _only_imports(found: list[Change]) -> list[Change]:
    """The imports. Outputs are values of the state alone, so they touch nothing; anything else is refused."""
    resources = [change for change in found if not change.address.startswith("output.")]
    touched = [change.address for change in resources if change.action != "import"]
    if touched:
        raise DriverRejected(f"Adopting would change {', '.join(touched[:5])}. Mend the parameters until it does not.")
    return resources


def _secrets(
    spec: EnvironmentSpec, kind: str, shown: Mapping[str, Any], values: variables.Values, vault: Vault
) -> list[Change]:
    """The change of the environment's own secrets in Vault: names only."""
    path = variables.path_of(spec)
    have = sorted(name for name in vault.kv_list(path) if not name.endswith("/"))
    if kind == "destroy":
        return [Change(ADDRESS, "destroy", {"path": path, "names": have}, None)] if have else []
    wanted = sorted({*have, *values.made, *_sensitive_outputs(shown)})
    if wanted == have:
        return []
    before = {"path": path, "names": have} if have else None
    return [Change(ADDRESS, "change" if have else "create", before, {"path": path, "names": wanted})]


def _sensitive_outputs(shown: Mapping[str, Any]) -> set[str]:
    found = shown.get("output_changes", {})
    return {
        name
        for name, raw in found.items()
        if raw.get("after_sensitive") is True and (raw.get("after") is not None or raw.get("after_unknown"))
    }


def observed(spec: EnvironmentSpec, vault: Vault) -> dict[str, Resource]:
    """What the state holds, refreshed: resources and outputs by address, no secret among them."""
    shown, values = refreshed(spec, vault)
    held = shown.get("prior_state", {}).get("values", {})
    found = {each.address: each for each in reading.of_state(held, veil(vault, values))}
    gone = {raw["address"] for raw in shown.get("resource_drift", []) if raw["change"]["actions"] == ["delete"]}
    return {address: each for address, each in found.items() if address not in gone}
