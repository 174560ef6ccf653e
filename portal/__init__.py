"""Composition root: fills every registry and holds every surface. Nobody imports it."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
