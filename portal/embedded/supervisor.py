"""Keeps processes running: restarts what dies, with growing pauses, and stops all in reverse order."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from portal.embedded.process import Process

TICK_SECONDS = 0.2
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0


@dataclass
class Watched:
    """A process with its history of failures; times are of the monotonic clock."""

    process: Process
    started: float = 0.0
    failures: int = 0
    due: float | None = None


class Supervisor:
    """Watches servers and children; the first stop signal ends it in order, the second at once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._watched: list[Watched] = []
        self._stop = threading.Event()
        self._force = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    @property
    def is_forced(self) -> bool:
        """Whether a second stop was asked for."""
        return self._force.is_set()

    def listen(self) -> None:
        """Take over Ctrl-C, TERM and HUP."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self.request_stop)

    def request_stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Ask to stop; asked again, kill."""
        (self._force if self._stop.is_set() else self._stop).set()

    def adopt(self, process: Process) -> None:
        """Watch a process that runs already."""
        self._watched.append(Watched(process, started=time.monotonic()))

    def start(self, process: Process) -> None:
        """Start a process and watch it."""
        process.start()
        self.adopt(process)

    def pause(self, seconds: float = TICK_SECONDS) -> None:
        """Wait a moment, or less when a stop is asked for."""
        self._stop.wait(seconds)

    def watch(self) -> None:
        """Restart what ends, until a stop is asked for."""
        while not self.is_stopping:
            self.check()
            self.pause()

    def check(self) -> None:
        """Notice what ended and start again what is due."""
        now = time.monotonic()
        for one in self._watched:
            if one.due is None and not one.process.is_running:
                self._note_end(one, now)
            elif one.due is not None and now >= one.due:
                one.due, one.started = None, now
                one.process.start()

    def _note_end(self, one: Watched, now: float) -> None:
        one.failures = 1 if now - one.started > HEALTHY_SECONDS else one.failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (one.failures - 1))
        one.due = now + pause
        times = "" if one.failures == 1 else f" {one.failures} times in a row"
        name = one.process.spec.name
        self._say(
            f"{name} ended (exit {one.process.poll()}){times}; next start in {pause:.0f} s{one.process.last_words()}."
        )

    def silent(self) -> list[str]:
        """Names of what does not run or does not answer at the moment."""
        return [one.process.spec.name for one in self._watched if not one.process.is_answering()]

    def stop_all(self) -> None:
        """Stop in reverse order, each within its time limit."""
        for one in reversed(self._watched):
            one.process.stop(lambda: self.is_forced)
