"""A driver over a dictionary, for engine tests and the engine benchmark: real contract, no outside world.

`WORLD` is what exists, by environment id; `STRAYS` what nobody manages, by an id of its own; `TROUBLE` makes named
steps raise. Every apply and undo is counted.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import (
    Change,
    Driver,
    DriverError,
    DriverRejected,
    EnvironmentSpec,
    Health,
    Log,
    Plan,
    Resource,
    Resources,
    Step,
    StepKey,
)
from tests.planned import difference, stands

WORLD: dict[str, dict[str, dict[str, Any]]] = {}
STRAYS: dict[str, dict[str, Any]] = {}
TROUBLE: dict[str, list[DriverError]] = {}
CALLS: Counter[str] = Counter()
STEPS: list[str] = ["thing"]
HOOKS: dict[str, Any] = {}
LIMIT_S = 5.0


def reset() -> None:
    """Forget everything."""
    WORLD.clear()
    STRAYS.clear()
    TROUBLE.clear()
    CALLS.clear()
    HOOKS.clear()
    STEPS[:] = ["thing"]


def _call(key: StepKey | None) -> None:
    """One call to the outside: guarded where it writes, and refused while the world is away."""
    if key is not None:
        key.guard()
    if "call" in HOOKS:
        HOOKS["call"]()


def _put(world: dict[str, dict[str, Any]], address: str, state: Mapping[str, Any] | None) -> None:
    if state is None:
        world.pop(address, None)
    else:
        world[address] = dict(state)


class NoopDriver(Driver):
    name = "noop"
    capabilities = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "reconcile", "adopt"})

    def _wanted(self, spec: EnvironmentSpec, kind: str) -> dict[str, dict[str, Any]]:
        if kind == "destroy":
            return {}
        state = {
            "parameters": dict(spec.parameters),
            "release": spec.release.version if spec.release else "",
            "running": kind != "suspend" and (kind == "resume" or not spec.suspended),
        }
        return {name: state for name in STEPS}

    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        if kind not in self.capabilities:
            raise DriverRejected(f"The noop driver cannot {kind}.")
        if kind == "adopt":
            return self._imports(spec, observed)
        return difference(self._wanted(spec, kind), observed)

    def _imports(self, spec: EnvironmentSpec, observed: Resources) -> Plan:
        missing = {a: i for a, i in sorted(spec.imports.items()) if a not in observed}
        if not {*missing.values()} <= {*STRAYS}:
            raise DriverRejected("There is no such thing to adopt.")
        changes = [Change(a, "import", dict(STRAYS[i]), dict(STRAYS[i])) for a, i in missing.items()]
        return Plan((*changes, *HOOKS.get("beyond", ())))

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        return tuple(self._step(spec, change) for change in plan.changes)

    def _step(self, spec: EnvironmentSpec, change: Change) -> Step:
        def apply(key: StepKey, log: Log) -> Mapping[str, Any]:
            CALLS[f"apply {change.address}"] += 1
            _call(key)
            if TROUBLE.get(change.address):
                raise TROUBLE[change.address].pop(0)
            if "before" in HOOKS:
                HOOKS["before"](change, key)
            world = WORLD.setdefault(spec.id, {})
            _put(world, change.address, change.after)
            if change.action == "import":
                STRAYS.pop(spec.imports[change.address], None)
            log(f"{change.address} {change.action}d")
            return {}

        def undo(key: StepKey, log: Log) -> None:
            CALLS[f"undo {change.address}"] += 1
            _call(key)
            if TROUBLE.get(f"undo {change.address}"):
                raise TROUBLE[f"undo {change.address}"].pop(0)
            world = WORLD.setdefault(spec.id, {})
            if change.action != "import":
                _put(world, change.address, change.before)
            elif world.pop(change.address, None):
                STRAYS[spec.imports[change.address]] = dict(change.before or {})

        return Step(change.address, change.address.title(), LIMIT_S, apply, undo, stands(change))

    def observe(self, spec: EnvironmentSpec) -> Resources:
        _call(None)
        return {a: Resource(a, dict(s)) for a, s in WORLD.get(spec.id, {}).items()}

    def health(self, spec: EnvironmentSpec) -> Health:
        return HOOKS["health"](spec) if "health" in HOOKS else Health("unknown")

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        return {"url": f"http://{spec.name}.localhost"}
