"""The zone driver's world for Berth's conformance suite: looks into the file itself, never through the driver."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from berth_zone import SCHEMA, ZoneDriver
from provisioning.drivers.base import Driver, EnvironmentSpec
from tests.contract.harness import Harness

RECORDS = {"web": "host-$size", "mail": "mail.invalid"}


class ZoneHarness(Harness):
    name = "zone"
    conditional = True

    def start(self, place: Path) -> None:
        self.file = place / "zone.sqlite"
        os.environ["BERTH_ZONE"] = str(self.file)
        with closing(sqlite3.connect(self.file)) as db:
            db.executescript(SCHEMA)

    def stop(self) -> None:
        os.environ.pop("BERTH_ZONE", None)

    def make_driver(self) -> Driver:
        return ZoneDriver()

    def spec(self, name: str, **changes: Any) -> EnvironmentSpec:
        fields = {"resources": {"records": RECORDS}, "parameters": {"size": "S"}, "release": self.release(1)}
        return self.blank(name, **{**fields, **changes})

    def fingerprint(self, spec: EnvironmentSpec) -> Any:
        return self._ask("SELECT name, value, served FROM record WHERE environment = ? ORDER BY name", spec)

    def changed(self, spec: EnvironmentSpec) -> tuple[EnvironmentSpec, frozenset[str]]:
        return replace(spec, parameters={"size": "M"}), frozenset({"record.web"})

    def vandalise(self, spec: EnvironmentSpec) -> None:
        self._ask("UPDATE record SET value = 'elsewhere' WHERE environment = ? AND name = 'web'", spec)
        self._ask("DELETE FROM record WHERE environment = ? AND name = 'mail'", spec)
        self._ask("INSERT INTO record VALUES (?, 'stray', '1', 1)", spec)

    def break_target(self) -> None:
        os.environ["BERTH_ZONE"] = str(self.file / "nothing-here")

    def mend(self) -> None:
        os.environ["BERTH_ZONE"] = str(self.file)

    def bad_spec(self, name: str) -> EnvironmentSpec:
        records: Mapping[str, str] = {"web": "host-$colour"}
        return self.spec(name, resources={"records": records})

    def cleanup(self, spec: EnvironmentSpec) -> None:
        self._ask("DELETE FROM record WHERE environment = ?", spec)

    def _ask(self, statement: str, spec: EnvironmentSpec) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=5)) as db, db:
            return [list(row) for row in db.execute(statement, (spec.id,))]
