"""The processes of workloads: start one, end its whole group, and end what an earlier sandboxd left behind.

Which process shall run is decided in supervision.py; how it is shut in, in workloads/launcher.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from provisioning.drivers.sandbox.desired import PORTS

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parents[2]
LAUNCHER = PACKAGE / "workloads" / "launcher.py"
RUNTIME = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
# Wherever the one package that workloads use was found; `-S` keeps the interpreter from looking itself.
PACKAGES = tuple(
    str(Path(found.origin).parents[1])
    for found in map(importlib.util.find_spec, ("psycopg", "psycopg_binary"))
    if found is not None and found.origin
)
UIDS_FROM = 60000
LOG_LIMIT = 1 << 20
_GONE_WITHIN_S = 3.0


@dataclass(frozen=True)
class Places:
    """Where sandboxd keeps its own files and each workload's directory."""

    var: Path

    @property
    def own(self) -> Path:
        return self.var / "sandboxd"

    def directory(self, environment: str) -> Path:
        return self.var / "workloads" / environment

    def record(self, environment: str) -> Path:
        return self.own / "children" / f"{environment}.json"

    def log(self, environment: str) -> Path:
        return self.own / "logs" / f"{environment}.log"

    def prepare(self) -> None:
        """Make the directories: sandboxd's own for nobody else, the workloads' only to pass through."""
        for private in (self.own, self.own / "children", self.own / "logs"):
            private.mkdir(parents=True, exist_ok=True, mode=0o700)
        workloads = self.var / "workloads"
        workloads.mkdir(exist_ok=True)
        workloads.chmod(0o711)

    def remove(self, environment: str) -> None:
        """Remove every file of one environment; absence is fine."""
        shutil.rmtree(self.directory(environment), ignore_errors=True)
        for path in (self.record(environment), self.log(environment)):
            path.unlink(missing_ok=True)


@dataclass
class Child:
    """A running workload. `status` is readable once it has said that it is ready, or has ended."""

    environment: str
    label: str
    generation: int
    process: subprocess.Popen[bytes]
    status: int
    started: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    asked_to_end: float | None = None
    is_wanted: bool = True

    def signal_group(self, number: int) -> None:
        """Send a signal to the workload and whatever it has started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def has_ended(self) -> bool:
        """Tell whether the process has ended, without letting go of its id."""
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None

    def bury(self, places: Places) -> int:
        """End what is left of the group while its id is still ours, then reap; returns the exit code."""
        self.signal_group(signal.SIGKILL)
        os.close(self.status)
        places.record(self.environment).unlink(missing_ok=True)
        return self.process.wait()


@dataclass
class Spare:
    """A launcher that has everything imported and waits for its configuration; it knows no secret yet."""

    process: subprocess.Popen[bytes]
    status: int

    def is_alive(self) -> bool:
        """Tell whether it may still be used."""
        return self.process.poll() is None

    def discard(self) -> None:
        """End it unused."""
        self.process.kill()
        self.process.communicate()
        os.close(self.status)


def spare() -> Spare:
    """Start a launcher from the calling thread, which must be the main one: its end is the workload's end."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(writing), str(ROOT), *PACKAGES],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={},
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    os.set_blocking(reading, False)
    return Spare(process, reading)


def start(launcher: Spare, places: Places, environment: str, generation: int, config: Mapping[str, Any]) -> Child:
    """Turn a waiting launcher into a workload.

    `config` is what the workload is told, plus `launch` = {module, connect}; secrets in it travel only over a pipe.
    """
    uid = _own_uid(config["port"])
    log = places.log(environment)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.unlink()
    launch = {
        **config["launch"],
        "read": [*RUNTIME, *PACKAGES, str(PACKAGE / "workloads")],
        "directory": str(_directory(places.directory(environment), uid)),
        "log": str(log),
        "uid": uid,
    }
    _remember(places.record(environment), launcher.process.pid)
    _tell(launcher.process, {**config, "launch": launch})
    return Child(environment, config["environment"], generation, launcher.process, launcher.status)


def kill_leftovers(places: Places) -> int:
    """End every process of sessions that an earlier sandboxd recorded; returns how many there were."""
    boot, found = _boot_id(), 0
    for record in sorted((places.own / "children").glob("*.json")):
        try:
            known = json.loads(record.read_text())
        except ValueError:
            known = {}
        if known.get("boot") == boot:
            found += _kill_session(known["pid"], known["start"])
        record.unlink()
    return found


def _kill_session(leader: int, started: int) -> int:
    """A session's id is not given again while a member lives; members older than its leader are someone else's."""
    victims = set()
    end = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < end:
        members = [pid for pid, session, start in _processes() if session == leader and start >= started]
        if not members:
            break
        for pid in members:
            victims.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
    return len(victims)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield (pid, session, start time in ticks) of each living process."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (facts := _stat(int(entry))) is not None and facts[0] != "Z":
            yield int(entry), int(facts[3]), int(facts[19])


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the third on (state); the second may hold spaces and is skipped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _remember(record: Path, pid: int) -> None:
    facts = _stat(pid)
    start = int(facts[19]) if facts else 0
    record.write_text(json.dumps({"pid": pid, "start": start, "boot": _boot_id()}))


def _tell(process: subprocess.Popen[bytes], config: Mapping[str, Any]) -> None:
    pipe = process.stdin
    if pipe is None:
        return
    try:
        pipe.write(json.dumps(config).encode())
        pipe.close()
    except BrokenPipeError:
        return


def _own_uid(port: int) -> int | None:
    """A user id that no other workload has, as ports are unique; None where ids cannot be changed."""
    if os.geteuid() != 0 or not getattr(settings, "SANDBOX_OWN_UIDS", True):
        return None
    return UIDS_FROM + port - PORTS.start


def _directory(path: Path, uid: int | None) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(path, uid, uid, follow_symlinks=False)
    return path
