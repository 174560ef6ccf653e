"""A browser without script, signed in."""

from django.test import Client

from audit.context import context
from policies.models import User


def signed_in(who: User, **options: object) -> Client:
    """A client whose session is that of `who`."""
    client = Client(**options)
    with context(by="system:test"):
        client.force_login(who, backend="portal.signin.PasswordBackend")
    return client
