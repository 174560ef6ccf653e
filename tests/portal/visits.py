"""A browser without script, signed in; and environments that are there without any engine."""

from django.test import Client

from audit.context import context
from policies.models import User
from provisioning.models import Environment
from tests import people
from tests.people import Demo


def signed_in(who: User, **options: object) -> Client:
    """A client whose session is that of `who`."""
    client = Client(**options)
    with context(by="system:test"):
        client.force_login(who, backend="portal.signin.PasswordBackend")
    return client


def existing(demo: Demo, name: str = "payments-api-dev", tier: str = "dev", **fields: object) -> Environment:
    """A running environment of Payments."""
    return people.environment(demo, name, tier, status="ready", **fields)
