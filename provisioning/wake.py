"""Tells a worker that a row is ready. Only a hint, sent on commit: when it is lost, the sweep finds the row anyway."""

import logging
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from provisioning.models import Operation
from provisioning.states import OperationStatus

log = logging.getLogger(__name__)
WORK = "provisioning.work"


def wake() -> None:
    """After the commit, ask one worker to look for work."""
    transaction.on_commit(send)


def wake_for(environment: UUID) -> None:
    """After the commit, ask one worker to look for work if something waits for this environment."""
    if Operation.objects.filter(environment=environment, status=OperationStatus.QUEUED).exists():
        wake()


def send(count: int = 1) -> None:
    """Send `count` hints now. A broker that is away costs a second or two, never a row."""
    try:
        for _ in range(count):
            current_app.send_task(WORK, retry=False, expires=60)
    except (OperationalError, OSError) as error:
        log.warning("no hint was sent, the sweep will find the work: %s", type(error).__name__)
