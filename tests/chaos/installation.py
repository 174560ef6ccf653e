"""The installation that is broken: servers and Berth's own processes as shipped, kept running by a thread.

A fault ends a process here and says how long it stays away; what a fault is stands in faults.py.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGKILL, Signals

from portal.embedded import children, ports, servers, state, vault_setup
from portal.embedded.failure import StartError
from portal.embedded.openbao import SETUP
from portal.embedded.process import Process

WORKERS = ("worker-1", "worker-2")
LEASE_S, CALL_LIMIT_S = 2, 1
RESTART_AFTER_S = 0.3
# What watching and sealing need beside the workers' own rights.
OBSERVER = """
path "sys/policies/acl" { capabilities = ["list"] }
path "auth/approle/role" { capabilities = ["list"] }
path "kv/metadata/*" { capabilities = ["list"] }
path "sys/seal" { capabilities = ["update", "sudo"] }
"""


@dataclass
class Installation:
    """Processes by name, and where everything lies. `away` holds the moment until which a process stays down."""

    var: Path
    env: dict[str, str]
    admin_url: str
    setup: dict[str, str]
    servers: list[Process]
    processes: dict[str, Process] = field(default_factory=dict)
    away: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _ending: threading.Event = field(default_factory=threading.Event)

    @property
    def files(self) -> Path:
        """The directory of the driver that counts."""
        return Path(self.env["BERTH_CHAOS_DIR"])

    @property
    def router_port(self) -> int:
        return int(self.env["BERTH_ROUTER_PORT"])

    def pid(self, name: str) -> int:
        """The process itself, which is the leash's only child; 0 when it does not run."""
        leash = self.processes[name]._leash
        if leash is None or leash.poll() is not None:
            return 0
        return next(iter(children_of(leash.pid)), 0)

    def strike(self, name: str, number: Signals, seconds: float) -> bool:
        """End a process by a signal; it is started again after so many seconds. False: it had ended already."""
        with self._lock:
            self.away[name] = time.monotonic() + seconds
            process = self.processes[name]
            was_there = process.is_running
            process.signal(number)
            return was_there

    def is_whole(self) -> bool:
        """Everything runs and, as far as it can be asked, serves."""
        return all(process.is_answering() for process in self.processes.values())

    def keep(self) -> None:
        """Start again what has ended, when its time has come, until the end."""
        while not self._ending.wait(0.05):
            with self._lock:
                for name, process in self.processes.items():
                    if not process.is_running:
                        self._bring_back(name, process)

    def _bring_back(self, name: str, process: Process) -> None:
        now = time.monotonic()
        if now >= self.away.setdefault(name, now + RESTART_AFTER_S):
            process.stop()
            process.start()
            self.away.pop(name)

    def end(self) -> None:
        """End everything: Berth's processes, then the servers in reverse order."""
        self._ending.set()
        with self._lock:
            for process in reversed([p for p in self.processes.values() if p not in self.servers]):
                process.signal(SIGKILL)
                process.stop()
            for process in reversed(self.servers):
                process.stop()


def children_of(pid: int) -> list[int]:
    """Process ids directly below."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@contextmanager
def opened(base: Path | None = None) -> Iterator[Installation]:
    """Start servers, make the database, set Django up; Berth's own processes come with `serve`."""
    var = Path(tempfile.mkdtemp(prefix="berth-chaos-", dir=base))
    with ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, var, ignore_errors=True)
        made = _started(var)
        cleaning.callback(made.end)
        os.environ.update(made.env)
        owner = {**os.environ, "DJANGO_OWNER": "1"}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=children.ROOT, env=owner, check=True
        )
        import django

        django.setup()
        yield made


def _started(var: Path) -> Installation:
    """Durable, because a commit must survive what comes: only then can something be called lost."""
    (var / "log").mkdir()
    (var / "run").mkdir()
    (var / "counted").mkdir()
    var.chmod(0o711)
    kept = state.load(var)
    running = servers.start(var, kept, {}, durable=True)
    if running.cluster is None:
        raise StartError("The installation needs servers of its own.")
    port = ports.free_pair()
    env = running.env | {
        "DEBUG": "0",
        "SECRET_KEY": kept.password("secret-key"),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BERTH_VAR": str(var),
        "BERTH_PORT": str(port),
        "BERTH_ROUTER_PORT": str(port + 1),
        "BERTH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BERTH_BROKER_PREFIX": "chaos",
        "BERTH_LEASE_SECONDS": str(LEASE_S),
        "BERTH_CALL_LIMIT_SECONDS": str(CALL_LIMIT_S),
        "BERTH_EXTRA_DRIVERS": "counted=tests.chaos.driver:CountedDriver",
        "BERTH_CHAOS_DIR": str(var / "counted"),
        "LOG_LEVEL": "WARNING",
    }
    setup = {"role_id": SETUP, "secret_id": kept.password("openbao-setup")}
    made = Installation(var, env, running.cluster.admin_url, setup, running.processes)
    made.processes = {process.spec.name: process for process in running.processes}
    _allow_to_watch(made)
    return made


def _allow_to_watch(made: Installation) -> None:
    client = vault_setup.Client(made.env["VAULT_ADDR"])
    client.sign_in(made.setup)
    client.call("PUT", "sys/policies/acl/berth", {"policy": vault_setup.POLICY + OBSERVER})


@contextmanager
def served(made: Installation) -> Iterator[None]:
    """Start two workers, beat, sandboxd and the router as `up` starts them, and keep all running."""
    table = {child.name: child for child in children.table(made.var, ports.free_port(), ports.free_port())}
    wanted = [replace(table["worker"], name=name) for name in WORKERS]
    wanted += [table[name] for name in ("beat", "sandboxd", "router")]
    for child in wanted:
        made.processes[child.name] = Process(children.spec(child, made.var, made.env))
        made.processes[child.name].start()
    keeper = threading.Thread(target=made.keep, name="keeper")
    keeper.start()
    try:
        yield
    finally:
        made._ending.set()
        keeper.join()
