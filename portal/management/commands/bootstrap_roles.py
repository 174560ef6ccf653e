"""`manage.py bootstrap_roles`: roles, databases and grants on a Postgres of yours. The work is in embedded/roles.py.

`manage.py up` does this by itself for its embedded server.
"""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError

from portal.embedded import roles

ADMIN = "ADMIN_DATABASE_URL"
URLS = {
    "berth_app": "DATABASE_URL",
    "berth_owner": "DATABASE_OWNER_URL",
    "berth_sandbox": "SANDBOX_DATABASE_URL",
    "berth_openbao": "OPENBAO_DATABASE_URL",
}


class Command(BaseCommand):
    """Reads a superuser's address and takes each role's password from the address that uses the role."""

    help = "Make or repair the database roles, databases and grants (reads ADMIN_DATABASE_URL; repeatable)."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Connect as the superuser and bring everything to the wanted state."""
        admin = os.environ.get(ADMIN, "")
        if not admin:
            raise CommandError(f"{ADMIN} is not set. Give the address of a superuser, database postgres.")
        passwords = {role: password_of(role, name, os.environ.get(name, "")) for role, name in URLS.items()}
        try:
            roles.bootstrap(admin, passwords)
        except psycopg.OperationalError as problem:
            reason = str(problem).strip().splitlines()[0]
            raise CommandError(f"{ADMIN} cannot be used: {reason}") from None
        self.stdout.write(f"Roles are ready: {', '.join([*URLS, 'berth_audit'])}.")


def password_of(role: str, name: str, url: str) -> str:
    """Return the password in a role's own address; CommandError when it names another role or has none."""
    if not url:
        raise CommandError(f"{name} is not set. It is the address for the role {role}.")
    parts = urlsplit(url)
    if unquote(parts.username or "") != role or not parts.password:
        raise CommandError(f"{name} must name the user {role} and a password.")
    return unquote(parts.password)
