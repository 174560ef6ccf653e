"""Real worker processes for tests, against the test database and a broker prefix of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Poll until it holds, or fail saying that it never did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")
