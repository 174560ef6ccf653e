"""The installation that is measured: durable servers, a migrated database, the demo people, worker processes."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.bench.figures import say
from tests.processes import ROOT, free_port

LIMIT = 1_000_000


@dataclass
class World:
    """Where everything lies, and who is there."""

    base: Path
    owner_url: str
    admin_url: str
    broker_prefix: str


@contextmanager
def opened() -> Iterator[World]:
    """Start everything in a directory of its own and end it again, whatever happens."""
    base = Path(tempfile.mkdtemp(prefix="berth-bench-"))
    with ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, base, ignore_errors=True)
        world = _started(base, cleaning)
        _migrated()
        import django

        django.setup()
        yield world


def _started(base: Path, cleaning: ExitStack) -> World:
    from portal.embedded import servers, state

    (base / "log").mkdir()
    base.chmod(0o711)
    kept = state.load(base)
    running = servers.start(base, kept, {}, durable=True)
    cleaning.callback(running.stop)
    assert running.cluster
    os.environ.update(running.env)
    os.environ.update(
        {
            "DEBUG": "0",
            "SECRET_KEY": kept.password("secret-key"),
            "BERTH_VAR": str(base),
            "BERTH_PORT": str(free_port()),
            "BERTH_ROUTER_PORT": str(free_port()),
            "BERTH_BROKER_PREFIX": "bench",
            "BERTH_EXTRA_DRIVERS": "noop=tests.noop:NoopDriver",
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
    )
    return World(base, running.env["DATABASE_OWNER_URL"], running.cluster.admin_url, "bench")


def _migrated() -> None:
    for argv in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        owner = {**os.environ, "DJANGO_OWNER": "1"}
        subprocess.run([sys.executable, "manage.py", *argv], cwd=ROOT, env=owner, check=True)


@contextmanager
def process(world: World, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of Berth's processes, ended as the supervisor ends it."""
    with (world.base / "log" / f"{name}.log").open("ab") as log:
        argv = [sys.executable, *arguments]
        child = subprocess.Popen(argv, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def worker(world: World, processes: int = 2):
    """The worker that people run, with as many processes as they do, and the tasks of the benchmarks."""
    options = ("--without-mingle", "--without-gossip", "--concurrency", str(processes), "--prefetch-multiplier", "1")
    include = ("--include", "tests.bench.tasks")
    return process(world, "worker", "-m", "celery", "--quiet", "-A", "portal", "worker", *options, *include)


def wait_until(true: Callable[[], object], seconds: float = 120.0, pause: float = 0.02) -> None:
    """Poll more often than tests do, and for longer: what is measured takes its time."""
    processes.wait_until(true, seconds, pause)


def tell(name: str, began: float) -> None:
    """Say how long a benchmark took."""
    say(f"{name}: {time.monotonic() - began:.1f} s")
