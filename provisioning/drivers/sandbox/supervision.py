"""The loop of sandboxd: compares desired with running workloads, starts, ends, restarts, records what it sees.

One thread, because a child's death signal is bound to the thread that forked it. Processes are in children.py.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import F, Q

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.sandbox import images
from provisioning.drivers.sandbox.children import Child, Places, Spare, spare, start
from provisioning.drivers.sandbox.desired import WORKLOAD_CHANNEL
from provisioning.drivers.sandbox.names import Names
from provisioning.drivers.sandbox.waiting import Waiting
from provisioning.models import Workload
from provisioning.vault import Vault

POLL_S = 1.0
KILL_AFTER_S = 1.0
READY_WITHIN_S = 15.0
STEADY_AFTER_S = 10.0
SPARE_AFTER_S = 0.5
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


@dataclass
class Patience:
    """How often a workload has failed in a row, and when it is tried again."""

    generation: int
    failures: int = 0
    again_at: float = 0.0

    def fail(self) -> None:
        pause = BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        self.failures += 1
        self.again_at = time.monotonic() + pause


@dataclass
class Supervisor:
    """The only parent of workloads."""

    vault: Vault
    places: Places
    say: Callable[[str], None]
    children: dict[str, Child] = field(default_factory=dict)
    patience: dict[str, Patience] = field(default_factory=dict)
    is_ending: bool = False
    _spare: Spare | None = None
    _spare_at: float = 0.0

    def run(self) -> None:
        """Supervise until `is_ending` is set by a signal, then end every workload."""
        waiting = Waiting(WORKLOAD_CHANNEL)
        self._guarded(_forget_running)
        try:
            while not self.is_ending:
                self._guarded(self.turn)
                self._keep_spare()
                waiting.sleep(self._pause(), [child.status for child in self.children.values() if not child.is_ready])
        finally:
            self._end_all()
            waiting.close()

    def turn(self) -> None:
        """Bury the dead, hear who is ready, then bring each workload one step nearer to what is desired."""
        self._bury()
        self._hear()
        rows = {str(row.pk): row for row in _of_interest(list(self.children))}
        for environment, child in self.children.items():
            if environment not in rows:
                self._end(child)
        for environment, row in rows.items():
            if row.desired == "running":
                self._keep_running(environment, row)
            else:
                self._keep_ended(environment, row)

    def _keep_running(self, environment: str, row: Workload) -> None:
        child = self.children.get(environment)
        if child is None:
            patience = self.patience.get(environment)
            if patience is None or patience.generation != row.generation:
                patience = self.patience[environment] = Patience(row.generation)
            if time.monotonic() >= patience.again_at:
                self._start(environment, row, patience)
        elif child.generation != row.generation:
            self._end(child)
        elif not child.is_ready and time.monotonic() - child.started > READY_WITHIN_S:
            child.signal_group(signal.SIGKILL)
        elif child.is_ready and (row.observed, row.observed_generation) != ("running", child.generation):
            _record(environment, child.generation, "running", pid=child.process.pid)

    def _keep_ended(self, environment: str, row: Workload) -> None:
        if child := self.children.get(environment):
            self._end(child)
            return
        self.patience.pop(environment, None)
        if row.desired == "absent":
            self.places.remove(environment)
        _record(environment, row.generation, row.desired)
        self.say(f"{row.environment.handle}: {row.desired}")

    def _start(self, environment: str, row: Workload, patience: Patience) -> None:
        names = Names(environment, row.environment.handle)
        try:
            config = self._config(names, row)
            self.children[environment] = start(self._take_spare(), self.places, environment, row.generation, config)
        except (DriverUnavailable, DriverRejected, OSError) as problem:
            patience.fail()
            self.say(f"{names.label}: cannot start: {problem}")
            _record(environment, row.generation, "failed", detail=f"cannot start: {problem}"[:300])
        else:
            self.say(f"{names.label}: started as {self.children[environment].process.pid}")

    def _take_spare(self) -> Spare:
        """Hand out the launcher that waits; the next is made later, so as not to take time from this start."""
        taken, self._spare = self._spare, None
        self._spare_at = time.monotonic() + SPARE_AFTER_S
        if taken is not None and taken.is_alive():
            return taken
        if taken is not None:
            taken.discard()
        return spare()

    def _keep_spare(self) -> None:
        if self._spare is None and time.monotonic() >= self._spare_at:
            self._spare = spare()

    def _config(self, names: Names, row: Workload) -> dict[str, Any]:
        berth = settings.BERTH
        servers = (berth.sandbox_database_url, berth.sandbox_redis_url, berth.vault_addr)
        return {
            "environment": names.label,
            "parameters": row.parameters,
            "release": row.release,
            "port": row.port,
            "vault": {
                "addr": berth.vault_addr,
                "path": names.vault_path,
                "secrets": [name for name in self.vault.kv_list(names.vault_path) if not name.endswith("/")],
                "role_id": self.vault.role_id(names.short),
                "wrapped": self.vault.wrapped_secret_id(names.short).reveal(),
            },
            "launch": {
                "module": images.module_of(row.image),
                "connect": [port for port in map(_port, servers) if port],
            },
        }

    def _bury(self) -> None:
        for environment, child in list(self.children.items()):
            if not child.has_ended():
                continue
            code = child.bury(self.places)
            del self.children[environment]
            if child.asked_to_end is None:
                self._mourn(environment, child, code)

    def _mourn(self, environment: str, child: Child, code: int) -> None:
        patience = self.patience.setdefault(environment, Patience(child.generation))
        if time.monotonic() - child.started > STEADY_AFTER_S and child.is_ready:
            patience.failures = 0
        patience.fail()
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        detail = f"The process ended by itself with {reason}, {patience.failures} times in a row."
        self.say(f"{child.label}: {detail}")
        _record(environment, child.generation, "failed", detail=detail)

    def _hear(self) -> None:
        for environment, child in self.children.items():
            if child.is_ready or child.asked_to_end is not None:
                continue
            try:
                child.is_ready = os.read(child.status, 64).startswith(b"ready")
            except BlockingIOError:
                continue
            if child.is_ready:
                _record(environment, child.generation, "running", pid=child.process.pid)
                self.say(f"{child.label}: ready after {time.monotonic() - child.started:.2f} s")

    def _end(self, child: Child) -> None:
        if child.asked_to_end is None:
            child.asked_to_end = time.monotonic()
            child.signal_group(signal.SIGTERM)
        elif time.monotonic() - child.asked_to_end > KILL_AFTER_S:
            child.signal_group(signal.SIGKILL)

    def _end_all(self) -> None:
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
        end = time.monotonic() + KILL_AFTER_S
        for child in self.children.values():
            child.signal_group(signal.SIGTERM)
        while self.children and time.monotonic() < end + KILL_AFTER_S:
            for environment, child in list(self.children.items()):
                if time.monotonic() > end:
                    child.signal_group(signal.SIGKILL)
                if child.has_ended():
                    child.bury(self.places)
                    del self.children[environment]
            time.sleep(0.01)

    def _pause(self) -> float:
        """Seconds until something may have to be done without an outside event."""
        now = time.monotonic()
        due = [child.asked_to_end + KILL_AFTER_S - now for child in self.children.values() if child.asked_to_end]
        due += [
            patience.again_at - now
            for environment, patience in self.patience.items()
            if environment not in self.children
        ]
        return min([POLL_S, *(max(0.02, seconds) for seconds in due)])

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do without Postgres for a moment: workloads keep running, the next turn tries again."""
        try:
            work()
        except (DatabaseError, InterfaceError) as problem:
            self.say(f"Postgres does not answer: {type(problem).__name__}")
            close_old_connections()


def _of_interest(children: list[str]) -> list[Workload]:
    """Workloads that shall run, do run, or have not reached what is desired."""
    settled = Q(desired=F("observed"), generation=F("observed_generation"))
    query = Workload.objects.select_related("environment")
    return list(query.filter(Q(desired="running") | ~settled | Q(pk__in=children)))


def _forget_running() -> None:
    Workload.objects.filter(observed="running").update(observed="stopped", pid=None)


def _record(environment: str, generation: int, observed: str, *, pid: int | None = None, detail: str = "") -> None:
    Workload.objects.filter(pk=UUID(environment)).update(
        observed=observed,
        observed_generation=generation,
        pid=pid,
        started_at=datetime.now(UTC) if pid else None,
        detail=detail,
    )


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    defaults = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "http": 80, "https": 443}
    return parts.port or defaults.get(parts.scheme)
