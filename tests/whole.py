"""The whole portal as people run it: `manage.py up` as a process of its own, and every process that belongs to it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from portal.demo.person import Person
from portal.embedded import ports
from provisioning.leash import descendants
from tests.processes import ROOT, wait_until

# Others may use the machine too: generous, for what hangs, not for what is slow.
READY_WITHIN_S = 240
STOPPED_WITHIN_S = 90


@dataclass(frozen=True)
class Account:
    """Who starts the portal, with which Python and from which checkout."""

    uid: int
    python: str = sys.executable
    checkout: Path = ROOT


@dataclass
class Portal:
    """One installation in `place`/var; started and ended as often as a test likes."""

    place: Path
    account: Account = field(default_factory=lambda: Account(os.geteuid()))
    port: int = field(default_factory=ports.free_pair)
    process: subprocess.Popen[bytes] | None = None

    @property
    def var(self) -> Path:
        return self.place / "var"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def terminal(self) -> str:
        """What people saw so far."""
        return (self.place / "terminal").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own servers; the smallest that people have."""
        return {"PATH": f"{Path(self.account.python).parent}:/usr/bin:/bin", "HOME": str(self.place)}

    def command(self, *words: str) -> list[str]:
        """A management command with its options."""
        return [self.account.python, "manage.py", *words]

    def start(self) -> float:
        """Start it; seconds until /readyz says 200."""
        began = time.monotonic()
        words = ("up", "--port", str(self.port), "--data-dir", str(self.var), "--no-color")
        other = {} if self.account.uid == os.geteuid() else {"user": self.account.uid, "extra_groups": []}
        with (self.place / "terminal").open("ab") as terminal:
            self.process = subprocess.Popen(
                self.command(*words),
                cwd=self.account.checkout,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **other,
            )
        wait_until(self._is_ready_or_ended, READY_WITHIN_S)
        assert self.process.poll() is None, self.terminal[-2000:]
        return time.monotonic() - began

    def _is_ready_or_ended(self) -> bool:
        assert self.process
        try:
            return self.process.poll() is not None or httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def family(self) -> frozenset["Known"]:
        """The supervisor and everything below it, and whatever else speaks of the data directory."""
        assert self.process
        below = [self.process.pid, *descendants(self.process.pid)]
        return frozenset(known for pid in below if (known := Known.of(pid))) | frozenset(speaking_of(self.var))

    def end(self, number: signal.Signals) -> int:
        """Send the supervisor alone a signal, as a terminal or an angry person would; its exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(STOPPED_WITHIN_S)

    def people(self) -> dict[str, str]:
        """The seeded people's passwords."""
        return {row["username"]: row["password"] for row in json.loads((self.var / "seed.json").read_text())}

    def person(self, name: str) -> Person:
        """Somebody who has signed in."""
        return Person(self.url, name, self.people()[name])


@dataclass(frozen=True)
class Known:
    """A process by its id and start, so that an id given out again is nobody we know."""

    pid: int
    started: str
    words: str = field(compare=False, default="")

    @classmethod
    def of(cls, pid: int) -> "Known | None":
        """None for one that has ended or waits for burial."""
        facts = _facts(pid)
        if facts is None or facts[0] in "ZX":
            return None
        words = read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")
        return cls(pid, facts[19], " ".join(words.split())[:300])

    def is_alive(self) -> bool:
        return Known.of(self.pid) == self


def _facts(pid: int) -> list[str] | None:
    text = read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()
    return text or None


def read(pid: int, name: str) -> bytes:
    """A file of /proc/<pid>; empty when it may not be read or the process has gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def speaking_of(directory: Path) -> Iterator[Known]:
    """Living processes with this directory in command line, environment or as working directory."""
    mark = os.fsencode(directory)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        try:
            at = os.fsencode(entry.joinpath("cwd").readlink())
        except OSError:
            at = b""
        if (mark in at or any(mark in read(pid, name) for name in ("cmdline", "environ"))) and (known := Known.of(pid)):
            yield known


def left_of(family: frozenset[Known], directory: Path) -> list[str]:
    """Who of the family still lives, or speaks of the directory: command lines."""
    alive = {one for one in family if one.is_alive()} | set(speaking_of(directory))
    return sorted(f"{one.pid} {one.words}" for one in alive)


@contextmanager
def installation(account: Account | None = None) -> Iterator[Portal]:
    """A fresh place for one portal; whatever a test leaves running is gone at the end, and so are its files."""
    account = account or Account(os.geteuid())
    place = Path(tempfile.mkdtemp(prefix="berth-whole-"))
    place.chmod(0o711)
    os.chown(place, account.uid, -1)
    portal = Portal(place, account)
    try:
        yield portal
    finally:
        if portal.process and portal.process.poll() is None:
            family = portal.family()
            portal.end(signal.SIGKILL)
            wait_until(lambda: not left_of(family, portal.var), 20)
        shutil.rmtree(place, ignore_errors=True)
