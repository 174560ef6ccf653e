"""Runs nginx: tests a configuration, puts it in place, reloads, and waits until the new one answers."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded import router
from portal.embedded.failure import StartError

ANSWER_WITHIN_S = 5.0
_POLL_S = 0.005
_LEASH = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class RouterFailed(Exception):
    """nginx refused a configuration, or does not answer. The message is nginx's own first complaint."""


@dataclass
class Nginx:
    """One nginx whose files lie in `home`; its end is bound to the thread that starts it."""

    home: Path
    binary: str
    token: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None)

    def prepare(self) -> None:
        """Make the directories, and end an nginx that an earlier, killed router has left in them."""
        (self.home / "temp").mkdir(parents=True, exist_ok=True)
        self._end_earlier()
        (self.home / "generation.sock").unlink(missing_ok=True)

    def apply(self, text: str, token: str) -> None:
        """Serve with this configuration; RouterFailed, and the one before stays, when nginx refuses it."""
        candidate, current = self.home / "nginx.conf.new", self.home / "nginx.conf"
        candidate.write_text(text)
        self._check(candidate)
        candidate.replace(current)
        if self.process is None or self.process.poll() is not None:
            self._end_orphans()
            self._start(current)
            self._await(token)
        else:
            before = _workers(self.process.pid)
            self.process.send_signal(signal.SIGHUP)
            self._await(token)
            self._await_end_of(before)
        self.token = token

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End nginx: politely first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def answered_token(self) -> str:
        """Return the token of the configuration that answers now, or nothing."""
        client = _UnixConnection(str(self.home / "generation.sock"))
        try:
            client.request("GET", "/.generation", headers={"Host": "router"})
            return client.getresponse().read(100).decode()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            client.close()

    def _check(self, candidate: Path) -> None:
        tested = subprocess.run(
            [self.binary, "-t", "-q", "-p", str(self.home), "-c", str(candidate)],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if tested.returncode != 0:
            raise RouterFailed(tested.stderr.strip().partition("\n")[0][:300] or "nginx -t failed")

    def _start(self, config: Path) -> None:
        command = [self.binary, "-p", str(self.home), "-c", str(config)]
        leashed = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command]
        self.process = subprocess.Popen(leashed, stdin=subprocess.DEVNULL, start_new_session=True)

    def _end_orphans(self) -> None:
        """A master that was killed leaves workers that hold its ports; they are in the session made for it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        (self.home / "generation.sock").unlink(missing_ok=True)

    def _await(self, token: str) -> None:
        end = time.monotonic() + ANSWER_WITHIN_S
        while self.answered_token() != token:
            if not self.is_running():
                raise RouterFailed("nginx ended while it started; its own output says why")
            if time.monotonic() > end:
                raise RouterFailed("nginx does not answer with its new configuration")
            time.sleep(_POLL_S)

    def _await_end_of(self, workers: frozenset[int]) -> None:
        """For a moment old and new workers both take requests; return when no old one does."""
        end = time.monotonic() + ANSWER_WITHIN_S
        while any(_takes_requests(worker) for worker in workers) and time.monotonic() < end:
            time.sleep(_POLL_S)

    def _end_earlier(self) -> None:
        """The pid file may be stale: only a process that runs with this very home is ended."""
        try:
            pid = int((self.home / "nginx.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except (OSError, ValueError):
            return
        if b"nginx" not in command or str(self.home).encode() not in command:
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 3
        while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            time.sleep(0.02)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("router", timeout=2)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _workers(master: int) -> frozenset[int]:
    children = Path(f"/proc/{master}/task/{master}/children")
    return frozenset(int(pid) for pid in children.read_text().split()) if children.exists() else frozenset()


def _takes_requests(worker: int) -> bool:
    """A worker that shuts down has closed its listening sockets, and says so in its title."""
    try:
        title = Path(f"/proc/{worker}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(title) and b"shutting down" not in title


def find_binary() -> str:
    """The nginx to run: the packaged one, else the one on PATH; RouterFailed with the cure otherwise."""
    try:
        return str(router.find_binary())
    except StartError as absent:
        if found := shutil.which("nginx"):
            return found
        raise RouterFailed(f"{absent} An nginx on PATH will do too.") from None
