"""One piece of work: claim the next ready operation and carry it as far as it goes. No permission logic here."""

import os
import socket
import threading
import uuid
from types import TracebackType

from django.conf import settings
from django.db import IntegrityError, close_old_connections, connection

from audit.context import context
from provisioning import lifecycle
from provisioning.lifecycle import Lease
from provisioning.models import Operation
from provisioning.runs.apply import execute
from provisioning.runs.planning import plan_operation
from provisioning.states import OperationStatus as S


def holder() -> str:
    """Who this worker is, in leases and in the history."""
    return f"{socket.gethostname()}:{os.getpid()}"


def work(only: uuid.UUID | None = None) -> bool:
    """Claim and do one operation's next part. False: nothing was ready."""
    lease = take(only)
    if lease is None:
        return False
    with Heartbeat(lease):
        operation = Operation.objects.select_related(
            "environment__service__team", "environment__template_version__template", "team", "requester"
        ).get(pk=lease.operation)
        if operation.status == S.PLANNING:
            plan_operation(operation, lease)
        else:
            execute(operation, lease)
    return True


def take(only: uuid.UUID | None = None) -> Lease | None:
    """Claim in one short transaction. A race for the same environment is lost quietly."""
    try:
        with context(by=f"worker:{holder()}"):
            return lifecycle.claim(holder=holder(), only=only)
    except IntegrityError as error:
        if "operation_active_once" not in str(error):
            raise
        return None


class Heartbeat:
    """Renews a lease from a thread with a connection of its own, until the work ends or the lease is lost."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
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

    def _beat(self) -> None:
        every = settings.BERTH.lease_seconds / 3
        try:
            while not self._stop.wait(every):
                close_old_connections()
                if not lifecycle.renew(self._lease):
                    return
        finally:
            connection.close()
