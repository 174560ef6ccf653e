"""Tells a worker that a row is ready. Only a hint, sent on commit: when it is lost, the sweep finds the row anyway.

Each pool has a queue of hints of its own, so that a hint reaches a worker that may claim the row.
"""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from provisioning.states import OperationStatus

log = logging.getLogger(__name__)
WORK = "provisioning.work"
CHECK = "provisioning.check_targets"
_WAITS = "SELECT pool FROM provisioning_operation WHERE environment_id = %s AND status = %s LIMIT 1"


def wake(pool: str = "") -> None:
    """After the commit, ask one worker of the pool to look for work."""
    transaction.on_commit(partial(send, pool=pool))


def wake_for(environment: UUID) -> None:
    """After the commit, ask one worker to look for work if something waits for this environment."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [environment, OperationStatus.QUEUED])
        row = cursor.fetchone()
    if row is not None:
        wake(row[0])


def wake_check(pool: str) -> None:
    """After the commit, ask one worker of the pool to check the targets that somebody asked about."""
    transaction.on_commit(partial(send, pool=pool, task=CHECK))


def hints_of(pool: str) -> str:
    """The name of the queue that carries a pool's hints."""
    return f"{settings.CELERY_TASK_DEFAULT_QUEUE}.{pool}" if pool else str(settings.CELERY_TASK_DEFAULT_QUEUE)


def send(count: int = 1, pool: str = "", task: str = WORK, *, expires: int = 60) -> None:
    """Send `count` hints now, each good for `expires` seconds. A broker that is away costs a second, never a row."""
    try:
        for _ in range(count):
            current_app.send_task(task, retry=False, expires=expires, queue=hints_of(pool))
    except (OperationalError, OSError) as error:
        log.warning("no hint was sent, the sweep will find the work: %s", type(error).__name__)
