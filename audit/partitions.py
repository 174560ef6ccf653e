"""The history's monthly partitions. A missing one never stops a write: rows fall into the default one."""

from django.db import connection


def ensure_partitions(*, months_ahead: int = 3) -> list[str]:
    """Make the partitions of this and the next months (0–24); return the names of the new ones."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.ensure_partitions(%s)", [months_ahead])
        return [name for (name,) in cursor.fetchall()]


def is_next_present() -> bool:
    """Return whether next month has its partition, as a readiness probe asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('audit.event_' || "
            "to_char((now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM')) IS NOT NULL"
        )
        return bool(cursor.fetchone()[0])
