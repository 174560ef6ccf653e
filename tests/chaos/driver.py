"""A driver whose outside world is a directory that counts: who wrote what, in which order, under which fence.

A write is one rename, conditional on the version that was seen before it and on the fence, as a careful target offers
it; the file keeps every write, so that a doubled or late one shows. `<dir>/hang` makes the next step hang for the
seconds that stand in it.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisioning.drivers.base import (
    Change,
    Driver,
    DriverUnavailable,
    EnvironmentSpec,
    LeaseLost,
    Log,
    Plan,
    Resource,
    Resources,
    Step,
    StepKey,
)
from tests.planned import difference, stands

ADDRESSES = ("a", "b", "c")
WORK_S = 0.25
LIMIT_S = 3.0
_LOCK_WITHIN_S = 2.0
_NEVER_WRITTEN: dict[str, Any] = {"state": None, "fence": 0, "writes": []}


def world() -> Path:
    return Path(os.environ["BERTH_CHAOS_DIR"])


def read(file: Path) -> dict[str, Any]:
    """One resource's file: its state (None: absent), its fence and all its writes."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return _NEVER_WRITTEN
    return found


def wanted(spec: EnvironmentSpec, kind: str) -> dict[str, dict[str, Any]]:
    """What shall stand after an operation of this kind."""
    if kind == "destroy":
        return {}
    running = kind != "suspend" and not (spec.suspended and kind not in {"create", "resume"})
    release = spec.release.version if spec.release else ""
    state = {"running": running, "parameters": dict(spec.parameters), "release": release}
    return {address: state for address in ADDRESSES}


class CountedDriver(Driver):
    name = "counted"
    capabilities = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "observe"})

    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        return difference(wanted(spec, kind), observed, backwards=kind == "destroy")

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        return tuple(_step(spec, change) for change in plan.changes)

    def observe(self, spec: EnvironmentSpec) -> Resources:
        found = {file.stem: read(file)["state"] for file in sorted((world() / spec.id).glob("?.json"))}
        return {address: Resource(address, state) for address, state in found.items() if state is not None}

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        return {}


def _step(spec: EnvironmentSpec, change: Change) -> Step:
    file = world() / spec.id / f"{change.address}.json"

    def apply(key: StepKey, log: Log) -> Mapping[str, Any]:
        seen = len(read(file)["writes"])
        time.sleep(WORK_S)
        _hang()
        key.guard()
        _write(file, change.after, key, ("apply", seen))
        log(f"{change.address} is written")
        time.sleep(WORK_S)
        return {}

    def undo(key: StepKey, log: Log) -> None:
        found = read(file)
        if found["state"] != change.before:
            key.guard()
            _write(file, change.before, key, ("undo", len(found["writes"])))

    return Step(change.address, f"Write {change.address}", LIMIT_S, apply, undo, stands(change))


def _hang() -> None:
    """Hang once, if somebody wants it: the driver that takes the wish away is the one that hangs."""
    wish, mine = world() / "hang", world() / f"hanging-{os.getpid()}"
    try:
        wish.rename(mine)
    except FileNotFoundError:
        return
    time.sleep(float(mine.read_text()))
    mine.unlink()


def _write(file: Path, state: Mapping[str, Any] | None, key: StepKey, how: tuple[str, int]) -> None:
    """Write if nobody did since `seen` writes and no newer owner ever; the state and its record are one rename."""
    what, seen = how
    file.parent.mkdir(exist_ok=True)
    with _locked(file.parent / "lock"):
        found = read(file)
        if found["fence"] > key.fence:
            raise LeaseLost("a newer operation has written here")
        if len(found["writes"]) != seen:
            raise DriverUnavailable("it was changed meanwhile")
        writes = [*found["writes"], [key.operation, what, key.fence, state]]
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"state": state, "fence": key.fence, "writes": writes}))
        fresh.replace(file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that whoever dies gives back; another's that lasts too long counts as a target that is busy."""
    with path.open("a") as lock:
        end = time.monotonic() + _LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise DriverUnavailable("somebody else writes here") from None
                time.sleep(0.02)
        yield
