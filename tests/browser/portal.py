"""The whole portal for the browser tests: `manage.py up` in a directory of its own. What is seen in it: window.py."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.demo.person import Person
from portal.embedded import ports
from tests.processes import ROOT, wait_until

KEPT = ("PATH", "HOME", "USER", "LANG", "VIRTUAL_ENV", "TMPDIR")


@dataclass
class Portal:
    """Where it answers and who may sign in. The API serves to make ready what a journey does not show.

    `sessions` keeps the cookies of who has signed in by the form, so that each of them does it once.
    """

    url: str
    passwords: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)

    def api(self, name: str) -> Person:
        """The person at the API, signed in once."""
        if name not in self.people:
            self.people[name] = Person(self.url, name, self.passwords[name])
        return self.people[name]

    def requested(self, name: str, tier: str = "dev", **more: Any) -> dict[str, Any]:
        """Mara's new operation that creates an environment of payments-api."""
        body = {
            "kind": "create",
            "service": "payments-api",
            "template": "web-service",
            "name": name,
            "tier": tier,
            "parameters": {"size": "S"},
            "reason": "A place to try refunds.",
        }
        asked: dict[str, Any] = self.api("mara").post("operations/", body | more)
        return asked

    def ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation once it succeeded."""
        found: dict[str, Any] = self.api("mara").until(f"operations/{operation['id']}/", "status", "succeeded")
        return found

    def to_be_signed(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation once it waits for signatures."""
        path = f"operations/{operation['id']}/"
        found: dict[str, Any] = self.api("mara").until(path, "status", "awaiting_approval")
        return found

    def signed(self, operation: dict[str, Any], *names: str) -> None:
        """Let these people sign its present plan."""
        body = {"digest": self.to_be_signed(operation)["digest"], "reason": "Read and agreed."}
        for name in names:
            self.api(name).post(f"operations/{operation['id']}/approve/", body)

    def running(self, name: str, tier: str = "dev", **more: Any) -> dict[str, Any]:
        """A running environment; prod is signed by Jonas and Tomasz."""
        asked = self.requested(name, tier, **more)
        if tier == "prod":
            self.signed(asked, "jonas", "tomasz")
        return self.environment(self.ended(asked)["environment"]["id"])

    def environment(self, pk: str) -> dict[str, Any]:
        """The environment as the API tells it."""
        found: dict[str, Any] = self.api("mara").get(f"environments/{pk}/")
        return found

    def ask(self, kind: str, environment: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Mara asks something of an environment."""
        body = {"kind": kind, "environment": environment["id"], "reason": "As agreed.", **more}
        asked: dict[str, Any] = self.api("mara").post("operations/", body)
        return asked

    def release(self, version: str, service: str = "payments-api") -> dict[str, Any]:
        """A new release."""
        body = {"service": service, "version": version, "artifact": {"image": f"build-{version}"}}
        made: dict[str, Any] = self.api("mara").post("releases/", body)
        return made


def fresh(stem: str) -> str:
    """A name that no other test uses."""
    return f"{stem}-{uuid.uuid4().hex[:5]}"


@contextmanager
def started() -> Iterator[Portal]:
    """Start it as a person would, wait until it is ready, and stop it with Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="berth-browser-") as made:
        var, port = Path(made), ports.free_pair()
        var.chmod(0o711)
        with (var / "up.log").open("wb") as log:
            argv = [sys.executable, "manage.py", "up", "--port", str(port), "--data-dir", str(var), "--no-color"]
            env = {name: os.environ[name] for name in KEPT if name in os.environ}
            child = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until(lambda: _answers(child, port, var), 180)
            people = json.loads((var / "seed.json").read_text())
            yield Portal(f"http://127.0.0.1:{port}", {row["username"]: row["password"] for row in people})
        finally:
            _stop(child)


def _answers(child: subprocess.Popen[bytes], port: int, var: Path) -> bool:
    if child.poll() is not None:
        raise AssertionError((var / "up.log").read_text()[-3000:])
    return ports.get(port, "/readyz")[0] == 200


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
    try:
        child.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
