"""Streams a selection of the history as CSV or JSON Lines, straight from the database's COPY.

All escaping is done in SQL, so that memory stays constant and speed near that of a bare COPY.
"""

from collections.abc import Iterator

import psycopg
from django.db import connection
from django.db.models import QuerySet

from audit.cells import FORMULA
from audit.models import AuditEvent

CHUNK_BYTES = 64 * 1024

_TEXTS = (
    "source",
    "event",
    "object",
    "table_name",
    "actor",
    "actor_label",
    "request_id",
    "operation",
    "reason",
    "scope",
)
_OBJECTS = ("before", "after", "data")
COLUMNS = ("id", "at", "epoch", "txid", *_TEXTS, *_OBJECTS)

# What cells.as_text does, in SQL.
_FORMULA_STARTS = ", ".join(str(ord(start)) for start in FORMULA)

# JSON text holds no raw control character, so these two never occur and nothing is ever quoted.
_BARE = r"FORMAT csv, QUOTE E'\x01', ESCAPE E'\x01', DELIMITER E'\x02'"


def csv(events: QuerySet[AuditEvent]) -> Iterator[bytes]:
    """Yield the events, newest first, as CSV with a header line, in chunks of about 64 KiB."""
    cells = ", ".join(_cell(name) for name in COLUMNS)
    return _copied(events, cells, "FORMAT csv, HEADER")


def json_lines(events: QuerySet[AuditEvent]) -> Iterator[bytes]:
    """Yield the events, newest first, as one JSON object a line, in chunks of about 64 KiB."""
    members = " || ',' || ".join(f"'\"{name}\":' || {_json(name)}" for name in COLUMNS)
    return _copied(events, f"'{{' || {members} || '}}'", _BARE)


def _cell(name: str) -> str:
    if name not in _TEXTS:
        return name
    return f"CASE WHEN ascii({name}) IN ({_FORMULA_STARTS}) THEN '''' || {name} ELSE {name} END AS {name}"


def _json(name: str) -> str:
    # Spelled out by column: row_to_json() looks every column's type up again for each row, a third slower.
    if name in _OBJECTS:
        return f"coalesce({name}::text, 'null')"
    return f"to_json({name})" if name in (*_TEXTS, "at") else name


def _copied(events: QuerySet[AuditEvent], output: str, options: str) -> Iterator[bytes]:
    # A connection of its own: a slow reader must not hold the request's, nor meet its transaction.
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as own:
        own.execute("SET timezone = 'UTC'")
        statement = _statement(own, events, output, options)
        with own.cursor() as cursor, cursor.copy(statement) as rows:
            yield from _chunks(rows)


def _statement(
    own: psycopg.Connection[tuple[object, ...]], events: QuerySet[AuditEvent], output: str, options: str
) -> bytes:
    query = events.order_by("-at", "-id").values(*COLUMNS).query
    # elide_empty: a viewer of no scope gets an empty file, not the ORM's EmptyResultSet.
    selection, parameters = query.get_compiler(connection=connection, elide_empty=False).as_sql()
    # COPY takes no bind parameters; the driver quotes the values for this very connection instead.
    inner = psycopg.ClientCursor(own).mogrify(selection, parameters)
    return f"COPY (SELECT {output} FROM ({inner}) AS e) TO STDOUT WITH ({options})".encode()  # noqa: S608


def _chunks(rows: psycopg.Copy) -> Iterator[bytes]:
    held = bytearray()
    for row in rows:
        held += row
        if len(held) >= CHUNK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
