"""Browsers of people who have signed in already."""

from typing import Any

from django.test import Client

from audit.context import context
from policies.models import User


def signed_in(user: User | None, *, csrf: bool = False) -> Client:
    """A browser of this person, or of nobody; with `csrf`, one that is refused without its token."""
    client = Client(enforce_csrf_checks=csrf)
    if user is not None:
        with context(by=user):
            client.force_login(user)
    return client


def plain_static(settings: Any) -> None:
    """Pages name their static files without a manifest, which only `collectstatic` makes."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
