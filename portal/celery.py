"""The Celery app. A pool child dies with its parent, so that kill -9 of a worker leaves nothing behind."""

import ctypes
import os
import signal
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_ready

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
