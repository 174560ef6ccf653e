"""Runs the binary under its leash: feeds the leash, reads the output, ends the run when it must end.

What is run, and what its output means, is not known here.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from provisioning import leash
from provisioning.drivers.base import DriverRejected, DriverUnavailable

LEASH = Path(leash.__file__)
MOST_OUTPUT = 64 * 1024 * 1024
GRACE_S = 30.0
SHARE = 0.45
PATIENCE_READING_S = 30.0
_INTERRUPT, _KILL = bytes([signal.SIGINT]), bytes([signal.SIGKILL])


def _nothing() -> None:
    """A run without an operation has no lease to lose."""


def _never() -> bool:
    return False


def patience() -> float:
    """Seconds that a worker may be silent while its run writes, and then again that the run has to save its state.

    A worker's last renewal is at most a third of a lease old when it stops, and the next owner waits for one call limit
    after the lease: both spans fit into that, so a run is over before somebody else begins.
    """
    return SHARE * (float(settings.BERTH.lease_seconds) * 2 / 3 + float(settings.BERTH.call_limit_seconds))


@dataclass(frozen=True)
class Watch:
    """When a run must end: its time limit, a lost lease (`guard` raises), somebody's wish (`stopping`).

    A run that only reads may wait longer for a worker that has no time; a dead one ends it at once either way.
    """

    limit_s: float
    guard: Callable[[], None] = _nothing
    stopping: Callable[[], bool] = _never
    writes: bool = False


@dataclass(frozen=True)
class Command:
    """What to run: program and arguments (never a secret), environment, directory, descriptors to pass on."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    place: Path
    fds: tuple[int, ...] = ()


@dataclass
class Ended:
    """How a run ended. `stopped` says that somebody wished it."""

    code: int
    stopped: bool = False
    output: list[bytes] = field(default_factory=list)


def run(command: Command, watch: Watch, on_line: Callable[[bytes], None] | None = None) -> Ended:
    """Run to the end; lines go to `on_line`, or into `output`.

    Raises what `guard` raises, DriverRejected when the time limit ended it, DriverUnavailable when this process was
    too slow to hold the leash. In each case the run was interrupted first, and is over.
    """
    return _Running(command, watch, on_line).to_the_end()


class _Running:
    def __init__(self, command: Command, watch: Watch, on_line: Callable[[bytes], None] | None) -> None:
        self.watch, self.ended, self.size = watch, Ended(0), 0
        self.on_line = on_line or self._keep
        self.every = patience()
        self.began = time.monotonic()
        self.check_at, self.kill_at = self.began + self.every, float("inf")
        self.problem: Exception | None = None
        with (command.place / "stderr").open("wb") as errors:
            self.leash = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LEASH), *self._words(command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(command.env),
                pass_fds=command.fds,
                start_new_session=True,
            )

    def _words(self, command: Command) -> list[str]:
        silence = self.every if self.watch.writes else PATIENCE_READING_S
        place = str(command.place)
        return ["-", "-", f"{place}/module", f"{silence:.2f}", f"{self.every:.2f}", place, *command.argv]

    def to_the_end(self) -> Ended:
        rest = b""
        try:
            while (chunk := self._read()) != b"":
                *lines, rest = (rest + (chunk or b"")).split(b"\n")
                for line in lines:
                    self.on_line(line)
                self._look()
            if rest:
                self.on_line(rest)
            while not self._has_ended():
                self._look()
        finally:
            self._close()
        return self._judged()

    def _read(self) -> bytes | None:
        """Some output, None when there is none now, b"" at the end. The leash is fed each time."""
        assert self.leash.stdout  # noqa: S101 - it was opened with a pipe
        self._say(leash.HERE)
        readable, _, _ = select.select([self.leash.stdout], [], [], self.every / 4)
        return os.read(self.leash.stdout.fileno(), 65536) if readable else None

    def _has_ended(self) -> bool:
        """The output may be closed a moment before the run is over; the leash is fed until then."""
        self._say(leash.HERE)
        try:
            self.leash.wait(self.every / 4)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _say(self, word: bytes) -> None:
        assert self.leash.stdin  # noqa: S101 - it was opened with a pipe
        try:
            os.write(self.leash.stdin.fileno(), word)
        except BrokenPipeError:
            return

    def _look(self) -> None:
        """Interrupt what must end, kill what does not obey."""
        now = time.monotonic()
        if now > self.kill_at:
            self._say(_KILL)
            self.kill_at = now + 5
        if self.kill_at < float("inf") or now < self.check_at or self.problem is not None:
            return
        self.check_at = now + self.every
        grace = GRACE_S
        try:
            self.watch.guard()
        except Exception as lost:  # noqa: BLE001 - whatever it is, the run must end before it is raised further
            self.problem, grace = lost, self.every
        else:
            self._limit(now)
        if self.problem is not None or self.ended.stopped:
            self._say(_INTERRUPT)
            self.kill_at = now + grace

    def _limit(self, now: float) -> None:
        if now - self.began > self.watch.limit_s:
            self.problem = DriverRejected(f"It took longer than {self.watch.limit_s / 60:.0f} minutes and was ended.")
        else:
            self.ended.stopped = self.ended.stopped or self.watch.stopping()

    def _keep(self, line: bytes) -> None:
        self.size += len(line)
        if self.size > MOST_OUTPUT:
            self.problem = self.problem or DriverRejected("The program said too much.")
            self._say(_KILL)
            return
        self.ended.output.append(line)

    def _close(self) -> None:
        """Whatever happened here, the run is over afterwards: an open leash would feed nobody."""
        assert self.leash.stdin and self.leash.stdout  # noqa: S101, PT018 - opened with pipes
        self.leash.stdin.close()
        self.leash.stdout.close()
        self.ended.code = self.leash.wait()

    def _judged(self) -> Ended:
        if self.problem is not None:
            raise self.problem
        if self.ended.code == leash.ORPHANED:
            self.watch.guard()
            raise DriverUnavailable("This worker was too slow; the run was interrupted and goes on later.")
        return self.ended
