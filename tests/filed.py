"""A driver whose outside world is a directory, so that it survives the worker. Named files make a worker die.

`<dir>/<environment>/<address>.json` is one resource; every effect also appends a line to `<dir>/effects`, so that a
doubled change shows. A file `<dir>/die-<point>-<address>` (point: before, effect, recorded) kills the process group
once, with SIGKILL, at that point.
"""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisioning.drivers.base import (
    Change,
    Driver,
    DriverRejected,
    DriverUnavailable,
    EnvironmentSpec,
    Log,
    Plan,
    Resource,
    Resources,
    Step,
    StepKey,
)
from tests.planned import difference, stands

ADDRESSES = ("a", "b", "c")


def world() -> Path:
    return Path(os.environ["BERTH_FILED_DIR"])


def die_once(point: str, address: str) -> None:
    """Die by SIGKILL, with the whole process group, when a test asked for it here."""
    wish = world() / f"die-{point}-{address}"
    if wish.exists():
        wish.unlink()
        os.killpg(os.getpgid(0), signal.SIGKILL)


def _runs(spec: EnvironmentSpec, kind: str) -> bool:
    return kind != "suspend" and not (kind == "reconcile" and spec.suspended)


class FiledDriver(Driver):
    name = "filed"
    capabilities = frozenset({"create", "suspend", "resume", "destroy", "reconcile"})

    def _reached(self, spec: EnvironmentSpec) -> Path:
        if (world() / "away").exists():
            raise DriverUnavailable("The directory is away.")
        return world() / spec.id

    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        if kind not in self.capabilities:
            raise DriverRejected(f"The filed driver cannot {kind}.")
        wanted = {} if kind == "destroy" else {a: {"running": _runs(spec, kind)} for a in ADDRESSES}
        return difference(wanted, observed, backwards=kind == "destroy")

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        return tuple(self._step(spec, change) for change in plan.changes)

    def _step(self, spec: EnvironmentSpec, change: Change) -> Step:
        def apply(key: StepKey, log: Log) -> Mapping[str, Any]:
            key.guard()
            die_once("before", change.address)
            if (world() / f"refuse-{change.address}").exists():
                raise DriverRejected(f"{change.address} is refused.")
            self._write(spec, change.address, change.after)
            die_once("effect", change.address)
            return {}

        def undo(key: StepKey, log: Log) -> None:
            key.guard()
            die_once("undo", change.address)
            self._write(spec, change.address, change.before)

        def done(observed: Resources) -> bool:
            for address in ADDRESSES:
                if address < change.address:
                    die_once("recorded", address)
            return stands(change)(observed)

        return Step(change.address, change.address, 5.0, apply, undo, done)

    def _write(self, spec: EnvironmentSpec, address: str, state: Mapping[str, Any] | None) -> None:
        place = self._reached(spec)
        place.mkdir(parents=True, exist_ok=True)
        with (world() / "effects").open("a") as effects:
            effects.write(f"{spec.name} {address} {json.dumps(state)}\n")
        file = place / f"{address}.json"
        if state is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(json.dumps(state))

    def observe(self, spec: EnvironmentSpec) -> Resources:
        files = sorted(self._reached(spec).glob("*.json"))
        if len(files) == len(ADDRESSES):
            die_once("recorded", ADDRESSES[-1])
        return {f.stem: Resource(f.stem, json.loads(f.read_text())) for f in files}

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        return {}
