"""Doors into what policy does by the clock."""

from celery import shared_task

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
