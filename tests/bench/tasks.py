"""The bare Celery task that the engine is compared with."""

from celery import shared_task


@shared_task(name="bench.nothing")
def nothing() -> None:
    """Do nothing."""
