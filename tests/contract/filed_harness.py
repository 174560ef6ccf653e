"""The driver of the death tests keeps to the contract too: its world is a directory."""

import json
import os
import shutil

from tests import filed
from tests.contract.harness import Harness


class FiledHarness(Harness):
    name = "filed"

    def start(self, place):
        os.environ["BERTH_FILED_DIR"] = str(place)

    def stop(self):
        os.environ.pop("BERTH_FILED_DIR", None)

    def make_driver(self):
        return filed.FiledDriver()

    def spec(self, name, **changes):
        return self.blank(name, **changes)

    def fingerprint(self, spec):
        return {file.name: json.loads(file.read_text()) for file in sorted((filed.world() / spec.id).glob("*"))}

    def changed(self, spec):
        raise NotImplementedError("the filed driver claims no update")

    def vandalise(self, spec):
        (filed.world() / spec.id / "b.json").unlink()

    def break_target(self):
        (filed.world() / "away").touch()

    def mend(self):
        (filed.world() / "away").unlink(missing_ok=True)
        (filed.world() / "refuse-b").unlink(missing_ok=True)

    def bad_spec(self, name):
        (filed.world() / "refuse-b").touch()
        return self.spec(name)

    def cleanup(self, spec):
        shutil.rmtree(filed.world() / spec.id, ignore_errors=True)
