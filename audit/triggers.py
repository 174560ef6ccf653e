"""Installs the row triggers on every watched table. What they do is SQL, in the first migration."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.registry import WatchedTable, watched_tables

ROW = "audit_row"
TRUNCATE = "audit_truncate"

_INSTALLED = """
    SELECT c.relname, t.tgname, t.tgargs, t.tgenabled
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
      AND p.pronamespace = 'audit'::regnamespace AND t.tgname IN (%s, %s)
"""


@dataclass(frozen=True, slots=True)
class Synced:
    """Tables whose triggers were made or refreshed, and tables whose triggers were dropped."""

    refreshed: tuple[str, ...]
    dropped: tuple[str, ...]


def sync(connection: BaseDatabaseWrapper) -> Synced:
    """Make the triggers match the registry; `connection` is the schema owner's. Idempotent.

    A watched table that is not migrated yet is passed over; it gets its triggers at the next call.
    """
    existing = set(connection.introspection.table_names())
    wanted = {each.table: each for each in watched_tables() if each.table in existing}
    installed = _installed(connection)
    refreshed = [name for name, each in wanted.items() if installed.get(name) != _signature(each)]
    dropped = sorted(set(installed) - set(wanted))
    with connection.cursor() as cursor:
        for name in refreshed:
            cursor.execute(_creation(wanted[name], connection))
        for name in dropped:
            table = connection.ops.quote_name(name)
            cursor.execute(f"DROP TRIGGER IF EXISTS {ROW} ON {table}")
            cursor.execute(f"DROP TRIGGER IF EXISTS {TRUNCATE} ON {table}")
    return Synced(tuple(refreshed), tuple(dropped))


def _arguments(each: WatchedTable) -> tuple[str, str, str, str]:
    masked = ",".join(f'"{name}"' for name in each.rule.masked)
    return each.rule.prefix, each.pk, each.rule.scope, "{" + masked + "}"


def _signature(each: WatchedTable) -> dict[str, tuple[tuple[str, ...], str]]:
    return {ROW: (_arguments(each), "A"), TRUNCATE: ((each.rule.prefix,), "A")}


def _installed(connection: BaseDatabaseWrapper) -> dict[str, dict[str, tuple[tuple[str, ...], str]]]:
    found: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED, [ROW, TRUNCATE])
        for table, trigger, arguments, enabled in cursor.fetchall():
            values = tuple(part.decode() for part in bytes(arguments).split(b"\0")[:-1])
            found.setdefault(table, {})[trigger] = (values, str(enabled))
    return found


def _creation(each: WatchedTable, connection: BaseDatabaseWrapper) -> str:
    table = connection.ops.quote_name(each.table)
    arguments = ", ".join(_literal(value) for value in _arguments(each))
    # ALWAYS: also when a session plays replica, which plain triggers sit out.
    return f"""
        CREATE OR REPLACE TRIGGER {ROW} AFTER INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION audit.row_changed({arguments});
        CREATE OR REPLACE TRIGGER {TRUNCATE} BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION audit.table_truncated({_literal(each.rule.prefix)});
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {ROW};
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {TRUNCATE};
    """


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
