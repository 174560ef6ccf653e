"""Real worker and web processes for tests, against the test database and a broker prefix of their own."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from portal.embedded import ports

Found = TypeVar("Found")
ROOT = Path(__file__).resolve().parent.parent
LOOP = """
import django, time
django.setup()
from provisioning.runs import orphans, recheck, sweep, worker
from provisioning.wake import send
while True:
    sweep.sweep()
    while worker.work():
        pass
    recheck.sweep()
    orphans.sweep()
    time.sleep(0.05)
"""


@contextmanager
def process(argv: list[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """One process in a group of its own, gone at the end whatever happens."""
    child = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **env}, start_new_session=True)
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def looping_worker(**env: str):
    """Takes up whatever is ready, without a broker."""
    return process([sys.executable, "-c", LOOP], **env)


def celery_worker(concurrency: int = 1, **env: str):
    """The worker that people run."""
    argv = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency", str(concurrency)]
    return process([*argv, "--loglevel", "WARNING", "--without-gossip", "--without-mingle"], **env)


@contextmanager
def web(**env: str) -> Iterator[str]:
    """The portal: its address, once it answers."""
    port = free_port()
    argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"{ports.HOST}:{port}", "--threads", "6"]
    with process([*argv, "--log-level", "error"], **env):
        wait_until(lambda: is_alive(port), 60)
        yield f"http://{ports.HOST}:{port}"


def is_alive(port: int) -> bool:
    """Whether the portal answers there."""
    return ports.get(port, "/healthz")[0] == 200


def free_port() -> int:
    """Below the range from which connections get theirs, so that nobody takes it by chance before it is used."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((ports.HOST, port))
            return port


def wait_until(true: Callable[[], Found], seconds: float = 30.0, pause: float = 0.05) -> Found:
    """Poll until it holds, and return what held; or fail saying that it never did."""
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(pause)
    return found
