"""One process of ours on a leash: start, watch, signal, stop. What to run is decided elsewhere."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from portal.embedded.failure import StartError
from provisioning import leash

LEASH = Path(leash.__file__)
LOG_LIMIT = 5_000_000
POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to run. `owner` is (uid, gid) to change to; `ready` says whether it serves; times in seconds."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    owner: tuple[int, int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10
    ready: Callable[[], bool] | None = None
    ready_timeout: float = 30


class Process:
    """A started `Spec`; its lines go to its log file and, when given, to `on_line(name, line)`."""

    def __init__(self, spec: Spec, on_line: Callable[[str, str], None] | None = None) -> None:
        self.spec = spec
        self._on_line = on_line
        self._leash: subprocess.Popen[bytes] | None = None
        self._pump: threading.Thread | None = None

    def start(self) -> None:
        """Start once more; raises StartError only for a log that cannot be written."""
        log = open_log(self.spec.log)
        uid, gid = self.spec.owner or ("-", "-")
        command = [sys.executable, "-I", "-S", str(LEASH), str(uid), str(gid), str(self.spec.cwd), *"---"]
        self._leash = subprocess.Popen(
            [*command, *self.spec.argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self._on_line else log,
            stderr=subprocess.STDOUT,
            env=dict(self.spec.env),
            start_new_session=True,
        )
        if self._leash.stdout is None:
            log.close()
            return
        self._pump = threading.Thread(target=self._copy, args=(self._leash.stdout, log), daemon=True)
        self._pump.start()

    def _copy(self, source: IO[bytes], log: IO[bytes]) -> None:
        with source, log:
            for line in source:
                log.write(line)
                log.flush()
                if self._on_line:
                    self._on_line(self.spec.name, line.decode(errors="replace").rstrip("\r\n"))

    def poll(self) -> int | None:
        """The exit code, or None while it runs; 128 + number when a signal ended it."""
        return None if self._leash is None else self._leash.poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._leash is not None and self._leash.poll() is None

    def is_answering(self) -> bool:
        """Whether it runs and, as far as it can be asked, serves."""
        return self.is_running and (self.spec.ready is None or self.spec.ready())

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the process; SIGKILL takes all its descendants too."""
        if self._leash and self._leash.stdin:
            with contextlib.suppress(BrokenPipeError, ValueError):
                os.write(self._leash.stdin.fileno(), bytes([number]))

    def wait_ready(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Return when `ready` says so; raises StartError when it ends before or the time is up."""
        deadline = time.monotonic() + self.spec.ready_timeout
        while self.spec.ready and not self.spec.ready():
            if self.poll() is not None:
                raise StartError(f"{self.spec.name} ended at once (exit {self.poll()}){self.last_words()}.")
            if time.monotonic() > deadline:
                waited = f"{self.spec.ready_timeout:.0f} s"
                raise StartError(f"{self.spec.name} did not answer within {waited}{self.last_words()}.")
            if cancelled():
                return
            time.sleep(POLL_SECONDS)

    def last_words(self) -> str:
        """A clause with the last line of the log, to end a sentence with."""
        with contextlib.suppress(OSError):
            lines = self.spec.log.read_bytes()[-4000:].decode(errors="replace").split("\n")
            said = next((line.strip() for line in reversed(lines) if line.strip()), "")
            return f": {said[:300].rstrip('.')} (more in {self.spec.log})" if said else ""
        return ""

    def stop(self, forced: Callable[[], bool] = lambda: False) -> None:
        """Ask it to stop; kill it with its descendants when `forced()` or after its time limit."""
        if self._leash is None:
            return
        self.signal(self.spec.stop_signal)
        deadline = time.monotonic() + self.spec.stop_timeout
        while self.is_running and time.monotonic() < deadline and not forced():
            time.sleep(POLL_SECONDS)
        self.signal(signal.SIGKILL)
        self._leash.wait()
        if self._leash.stdin:
            self._leash.stdin.close()
        if self._pump:
            self._pump.join(timeout=2)


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to, readable by us alone; a large one is set aside once."""
    try:
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as problem:
        raise StartError(f"Cannot write the log {path}: {problem.strerror}.") from problem
