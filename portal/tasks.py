"""Doors into what the composition root runs by the clock."""

from celery import shared_task
from django.utils import timezone

from audit import outbox, partitions
from policies import stops
from policies.access import reviews
from policies.models import SwitchName
from portal import health, policy_sources


@shared_task(name="portal.deliver_outbox")
def deliver_outbox() -> None:
    """Hand due outbox messages to their consumers, unless notifications are paused."""
    if not stops.is_on(SwitchName.NOTIFICATIONS):
        outbox.deliver(outbox.consumers())


@shared_task(name="portal.ensure_partitions")
def ensure_partitions() -> None:
    """Make the partitions of the coming months."""
    partitions.ensure_partitions()


@shared_task(name="portal.pulse")
def pulse() -> None:
    """Prove that a worker takes tasks."""
    health.beat()


@shared_task(name="portal.review_access")
def review_access() -> None:
    """Open this quarter's access reviews, and remind of those that are open."""
    reviews.open_due(timezone.now())
    reviews.remind_due(timezone.now())


@shared_task(name="portal.policy_sources")
def read_policies() -> None:
    """Read every repository of policies."""
    policy_sources.read_due()
