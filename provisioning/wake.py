"""Tells a worker that a row is ready. Only a hint, sent on commit: when it is lost, the sweep finds the row anyway.

Each pool has a queue of hints of its own, so that a hint reaches a worker that may claim the row.
"""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from provisioning.models import Operation
from provisioning.states import OperationStatus

log = logging.getLogger(__name__)
WORK = "provisioning.work"


def wake(pool: str = "") -> None:
    """After the commit, ask one worker of the pool to look for work."""
    transaction.on_commit(partial(send, pool=pool))


def wake_for(environment: UUID) -> None:
    """After the commit, ask one worker to look for work if something waits for this environment."""
    rows = Operation.objects.filter(environment=environment, status=OperationStatus.QUEUED)
    pool = rows.values_list("pool", flat=True).first()
    if pool is not None:
        wake(pool)


def hints_of(pool: str) -> str:
    """The name of the queue that carries a pool's hints."""
    return f"{settings.CELERY_TASK_DEFAULT_QUEUE}.{pool}" if pool else str(settings.CELERY_TASK_DEFAULT_QUEUE)


def send(count: int = 1, pool: str = "", *, expires: int = 60) -> None:
    """Send `count` hints now, each good for `expires` seconds. A broker that is away costs a second, never a row."""
    try:
        for _ in range(count):
            current_app.send_task(WORK, retry=False, expires=expires, queue=hints_of(pool))
    except (OperationalError, OSError) as error:
        log.warning("no hint was sent, the sweep will find the work: %s", type(error).__name__)
