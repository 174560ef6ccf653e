"""The Celery app. A pool child dies with its parent, so that kill -9 of a worker leaves nothing behind."""

import ctypes
import logging
import os
import signal
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, heartbeat_sent, worker_process_init, worker_ready

from provisioning.drivers.sandbox.landlock import hide_memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("berth")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_PR_SET_PDEATHSIG = 1


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """Ask the kernel to kill this pool process when the worker dies, and to let nobody read its memory."""
    hide_memory()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)


@worker_ready.connect
def first_pulse(**_: Any) -> None:
    """Readiness need not wait for beat: ask for a pulse as soon as tasks are taken."""
    app.send_task("portal.pulse", expires=30)


@celeryd_after_setup.connect
def serve_pools(instance: Any, **_: Any) -> None:
    """Take the hints of this worker's pools and no others."""
    from django.conf import settings

    from provisioning.wake import hints_of

    instance.app.amqp.queues.select([hints_of(pool) for pool in settings.BERTH.pools])


@heartbeat_sent.connect
def still_there(**_: Any) -> None:
    """Say that this worker's pools are served, also while nothing is to be done."""
    from django.db import DatabaseError, connection

    from provisioning import presence

    try:
        presence.tell()
    except DatabaseError as error:
        logging.getLogger(__name__).warning("presence was not told: %s", type(error).__name__)
    finally:
        # The pool's children are forks of this process and must not find a connection of its own open.
        connection.close()
