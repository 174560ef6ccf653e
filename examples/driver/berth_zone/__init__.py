"""An example driver: an environment is a few named records in one SQLite file. The suite's harness is in contract.py.

`BERTH_ZONE` says where the file is. A template gives `resources: {records: {web: "host-$size"}}`.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from string import Template
from typing import Any

from provisioning.drivers.base import (
    Change,
    Driver,
    DriverRejected,
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

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (environment TEXT, name TEXT, value TEXT, served INT,
    PRIMARY KEY (environment, name));
CREATE TABLE IF NOT EXISTS fence (environment TEXT PRIMARY KEY, newest INT)"""
TAKE = """INSERT INTO fence VALUES (?, ?) ON CONFLICT (environment) DO UPDATE SET newest = excluded.newest
    WHERE newest <= excluded.newest RETURNING newest"""
State = Mapping[str, Any]


class ZoneDriver(Driver):
    """Each method opens the file anew: one driver serves many threads, and a later worker needs no memory of it."""

    name = "zone"
    capabilities = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "reconcile"})
    template_schema = {
        "type": "object",
        "properties": {"records": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 200}}},
        "required": ["records"],
        "additionalProperties": False,
    }

    def observe(self, spec: EnvironmentSpec) -> Resources:
        """What the file holds now, whoever wrote it."""
        with _zone() as db:
            rows = db.execute("SELECT name, value, served FROM record WHERE environment = ?", (spec.id,)).fetchall()
        found = {f"record.{name}": {"value": value, "served": bool(served)} for name, value, served in rows}
        return {address: Resource(address, state) for address, state in found.items()}

    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        """The difference between what is and what shall be, sorted: the same each time. Writes nothing."""
        if kind not in self.capabilities:
            raise DriverRejected(f"The zone driver cannot {kind}.")
        wanted, changes = _wanted(spec, kind), []
        for address in sorted({*observed, *wanted}):
            before = dict(observed[address].state) if address in observed else None
            after = wanted.get(address)
            if before != after:
                action = "create" if before is None else "destroy" if after is None else "change"
                changes.append(Change(address, action, before, after))
        return Plan(tuple(changes))

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """One step a record, made from the plan alone: the plan is what was signed."""
        return tuple(_step(spec, change, number) for number, change in enumerate(plan.changes, 1))

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Where people find the records."""
        return {"zone": f"{spec.name}.zone"}


def _wanted(spec: EnvironmentSpec, kind: str) -> dict[str, State]:
    """What shall be there after the operation, by address."""
    if kind == "destroy":
        return {}
    served = kind == "resume" or (kind != "suspend" and not spec.suspended)
    texts = {**spec.resources["records"], "release": spec.release.version if spec.release else "none"}
    try:
        values = {name: Template(text).substitute(spec.parameters) for name, text in texts.items()}
    except (KeyError, ValueError) as error:
        raise DriverRejected(f"A record names {error}, which is no parameter.") from error
    return {f"record.{name}": {"value": value, "served": served} for name, value in values.items()}


def _step(spec: EnvironmentSpec, change: Change, number: int) -> Step:
    def apply(key: StepKey, log: Log) -> Mapping[str, Any]:
        _write(spec, change.address, change.after, key)
        log(f"{change.address}: {change.action}")
        return {}

    def undo(key: StepKey, _log: Log) -> None:
        _write(spec, change.address, change.before, key)

    def done(observed: Resources) -> bool:
        found = observed.get(change.address)
        return (dict(found.state) if found else None) == change.after

    return Step(f"record-{number}", f"{change.action.title()} {change.address}"[:80], 10.0, apply, undo, done)


def _write(spec: EnvironmentSpec, address: str, state: State | None, key: StepKey) -> None:
    """Guard, then one transaction that takes the fence: a worker that slept past its lease changes nothing."""
    record = (spec.id, address.removeprefix("record."))
    key.guard()
    with _zone() as db, db:
        if not db.execute(TAKE, (spec.id, key.fence)).fetchone():
            raise LeaseLost("a newer operation has written here")
        if state is None:
            db.execute("DELETE FROM record WHERE environment = ? AND name = ?", record)
        else:
            db.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", (*record, state["value"], state["served"]))


@contextmanager
def _zone() -> Iterator[sqlite3.Connection]:
    """The file, with the errors of SQLite as those of the contract."""
    try:
        with closing(sqlite3.connect(os.environ["BERTH_ZONE"], timeout=5)) as db:
            db.executescript(SCHEMA)
            yield db
    except (KeyError, sqlite3.OperationalError) as error:
        raise DriverUnavailable("The zone file cannot be opened, or is busy.") from error
