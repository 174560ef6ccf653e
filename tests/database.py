"""The two roles of the test database: made and flushed as the owner, used as the app."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management.commands import flush
from django.db.backends.base.base import BaseDatabaseWrapper

_owner: dict[str, Any] = {}
_TRUNCATE_GUARDS = """
    SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgtype & 32 > 0 AND c.relkind IN ('r', 'p')
      AND c.relowner = current_user::regrole AND t.tgenabled <> 'D'
"""


def _credentials(variable: str) -> dict[str, str]:
    parts = urlsplit(os.environ[variable])
    return {"USER": parts.username or "", "PASSWORD": parts.password or ""}


def become_app(connection: BaseDatabaseWrapper) -> None:
    """From now on this process talks to the test database as the app; only flush goes back to the owner."""
    _owner.update(_credentials("BERTH_TEST_OWNER_URL"))
    connection.close()
    connection.settings_dict.update(_credentials("BERTH_TEST_APP_URL"))
    plain = flush.Command.handle

    def as_owner_flush(self: flush.Command, **options: Any) -> None:
        with as_owner(connection), connection.cursor() as cursor:
            # A daemon that reads at this moment is the one that gives way, and tries again.
            cursor.execute("SET deadlock_timeout = '1min'")
            with _unguarded(cursor):
                plain(self, **options)
            cursor.execute("SET ROLE berth_audit")
            with _unguarded(cursor):
                cursor.execute("TRUNCATE audit_event")
            cursor.execute("RESET ROLE")

    flush.Command.handle = as_owner_flush  # type: ignore[method-assign]


@contextmanager
def _unguarded(cursor: Any) -> Iterator[None]:
    """Switch the present role's own TRUNCATE guards off for a while. Only here: a test database begins empty."""
    cursor.execute(_TRUNCATE_GUARDS)
    guards = cursor.fetchall()
    for table, guard, _ in guards:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
    yield
    for table, guard, enabled in guards:
        always = "ALWAYS " if enabled == "A" else ""
        cursor.execute(f"ALTER TABLE {table} ENABLE {always}TRIGGER {guard}")


@contextmanager
def as_owner(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Reconnect as the owner for a while."""
    connection.close()
    connection.settings_dict.update(_owner)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(_credentials("BERTH_TEST_APP_URL"))


def app_url(connection: BaseDatabaseWrapper) -> str:
    """Address of the test database as the app, for processes that a test starts."""
    parts = urlsplit(os.environ["BERTH_TEST_APP_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
