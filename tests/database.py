"""The two roles of the test database: made and flushed as the owner, used as the app."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management.commands import flush
from django.db.backends.base.base import BaseDatabaseWrapper

_owner: dict[str, Any] = {}
# What migrations made and nobody changes; leaving it saves making it again after each test.
_KEPT = {"django_migrations", "django_content_type", "auth_permission"}
_TRIGGERS = """
    SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled FROM pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid::regclass::text = ANY(%s)
"""


def _credentials(variable: str) -> dict[str, str]:
    parts = urlsplit(os.environ[variable])
    return {"USER": parts.username or "", "PASSWORD": parts.password or ""}


def become_app(connection: BaseDatabaseWrapper) -> None:
    """From now on this process talks to the test database as the app; only flush goes back to the owner."""
    _owner.update(_credentials("BERTH_TEST_OWNER_URL"))
    connection.close()
    connection.settings_dict.update(_credentials("BERTH_TEST_APP_URL"))

    def as_owner_flush(_command: flush.Command, **_options: Any) -> None:
        with as_owner(connection), connection.cursor() as cursor:
            # A daemon that reads at this moment is the one that gives way, and tries again.
            cursor.execute("SET deadlock_timeout = '1min'; SET session_replication_role = replica")
            _empty(cursor, _filled(connection, cursor))
            cursor.execute("SET ROLE berth_audit")
            _empty(cursor, ["audit_event"])

    flush.Command.handle = as_owner_flush  # type: ignore[method-assign,assignment]


def _filled(connection: BaseDatabaseWrapper, cursor: Any) -> list[str]:
    """The tables that have rows: most have none, and to truncate an empty one is slow too."""
    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - _KEPT
    cursor.execute(" UNION ALL ".join(f"SELECT '{n}' WHERE EXISTS (SELECT FROM {n})" for n in sorted(names)))
    return [name for (name,) in cursor.fetchall()]


def _empty(cursor: Any, tables: list[str]) -> None:
    """Delete every row, the tables' own triggers switched off. Only here: a test database begins empty.

    As a replica, the session leaves foreign keys alone.
    """
    if not tables:
        return
    cursor.execute(_TRIGGERS, [tables])
    triggers = cursor.fetchall()
    off = [f"ALTER TABLE {table} DISABLE TRIGGER {name}" for table, name, _ in triggers]
    states = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
    on = [f"ALTER TABLE {table} {states.get(how, 'ENABLE')} TRIGGER {name}" for table, name, how in triggers]
    cursor.execute("; ".join(["BEGIN", *off, *(f"DELETE FROM {table}" for table in tables), *on, "COMMIT"]))


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
