"""Doors into what policy does by the clock."""

from celery import shared_task

from policies import stops, windowing
from policies.bundles import replay, store


@shared_task(name="policies.bundles")
def bundles_task() -> None:
    """Store what this version ships, follow with the bundle in shadow, answer replays."""
    store.ensure_shipped()
    replay.follow_shadow()
    replay.run_replays()


@shared_task(name="policies.forget")
def forget_task() -> None:
    """Remove facts that are older than they are kept."""
    replay.forget_old()


@shared_task(name="policies.windows")
def windows_task() -> None:
    """Write down when windows last in the coming days."""
    windowing.refresh()


@shared_task(name="policies.switches")
def switches_task() -> None:
    """Record the planned ends of switches."""
    stops.end_over()
