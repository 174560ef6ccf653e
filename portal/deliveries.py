"""Who hears outbox messages: the composition of topics and consumers."""

import logging

from audit.models import OutboxEvent
from audit.outbox import subscribe

log = logging.getLogger("berth.outbox")


def note(event: OutboxEvent) -> None:
    """Every message leaves one line in the log; notifications come with their own consumers."""
    log.info("%s %s", event.topic, event.object)


def subscribe_all() -> None:
    """Called once, when the app is ready."""
    subscribe("*", "log", note)
