"""Keeps a lease alive while its work goes on, and lets it lapse when a step outlives its time limit."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from django.conf import settings
from django.db import close_old_connections, connection

from provisioning import lifecycle
from provisioning.lifecycle import Lease
from provisioning.runs.store import AWAY


class Heartbeat:
    """Renews a lease from a thread with a connection of its own, until the work ends or the lease is lost."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._until = float("inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{lease.fence}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Past this many seconds the lease is no longer renewed: a driver that hangs loses the operation."""
        self._until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = float("inf")

    def _renew(self) -> bool:
        """While Postgres is away nobody else can take the lease either: it is tried again, and found lost if it is."""
        try:
            return lifecycle.renew(self._lease)
        except AWAY:
            connection.close()
            return True

    def _beat(self) -> None:
        every = settings.BERTH.lease_seconds / 3
        try:
            while not self._stop.wait(every):
                close_old_connections()
                if time.monotonic() < self._until and not self._renew():
                    return
        finally:
            connection.close()
