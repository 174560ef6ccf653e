"""Exports hold exactly the selection, byte for byte, and no cell that a spreadsheet would run."""

import csv as csv_module
import io
import json
import time
from datetime import UTC, datetime

import pytest

from audit import export
from audit.selectors import Filters, filtered, visible

T0 = datetime(2026, 11, 1, 12, 0, 0, 120, tzinfo=UTC)
INSERT = (
    "INSERT INTO audit_event (at, epoch, txid, source, event, actor, actor_label, object, reason, "
    "scope, data) VALUES (%s, 1, 5, 'event', 'probe.seen', 'user:1', %s, %s, %s, %s, %s) RETURNING id"
)


@pytest.fixture
def written(owner):
    """Commit one event with this label, object, reason and data; return (scope, id)."""
    scope = f"team:{owner.execute('SELECT gen_random_uuid()').fetchone()[0]}"

    def write(label="Ana", about="probe:1", reason="", data="{}"):
        pk = owner.execute(INSERT, [T0, label, about, reason, scope, data]).fetchone()[0]
        return scope, pk

    return write


HEADER = (
    b"id,at,epoch,txid,source,event,object,table_name,actor,actor_label,request_id,operation,reason,"
    b"scope,before,after,data\n"
)


@pytest.mark.django_db
def test_csv_is_exact_to_the_byte(written):
    scope, pk = written(reason='say "hi", ü\nbye', data='{"a": "x,y"}')
    line = (
        f'{pk},2026-11-01 12:00:00.00012+00,1,5,event,probe.seen,probe:1,"",user:1,Ana,"","",'
        f'"say ""hi"", ü\nbye",{scope},,,"{{""a"": ""x,y""}}"\n'
    )
    assert b"".join(export.csv(visible([scope]))) == HEADER + line.encode()


@pytest.mark.django_db
def test_json_lines_are_exact_to_the_byte(written):
    scope, pk = written(reason='back\\slash "q"\nline', data='{"a": "\\u0001\\n"}')
    line = (
        f'{{"id":{pk},"at":"2026-11-01T12:00:00.00012+00:00","epoch":1,"txid":5,"source":"event",'
        '"event":"probe.seen","object":"probe:1","table_name":"","actor":"user:1","actor_label":"Ana",'
        '"request_id":"","operation":"","reason":"back\\\\slash \\"q\\"\\nline",'
        f'"scope":"{scope}","before":null,"after":null,"data":{{"a": "\\u0001\\n"}}}}\n'
    )
    assert b"".join(export.json_lines(visible([scope]))) == line.encode()


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize("place", ["label", "about", "reason"])
def test_a_cell_that_begins_like_a_formula_is_made_text(written, start, place):
    scope, _ = written(**{place: f"{start}1+1"})
    text = b"".join(export.csv(visible([scope]))).decode()
    column = {"label": "actor_label", "about": "object", "reason": "reason"}[place]
    (row,) = csv_module.DictReader(io.StringIO(text, newline=""))
    assert row[column] == f"'{start}1+1"


@pytest.mark.django_db
@pytest.mark.parametrize("harmless", ["a=1", "1-2", "'", "", "ü"])
def test_other_cells_stay_as_they_are(written, harmless):
    scope, _ = written(reason=harmless)
    (row,) = csv_module.DictReader(io.StringIO(b"".join(export.csv(visible([scope]))).decode(), newline=""))
    assert row["reason"] == harmless


@pytest.mark.django_db
@pytest.mark.parametrize("nasty", ["%s", "%(a)s", "'; DROP TABLE x; --", "\\", "100%", "\x01\x02"])
def test_filters_reach_the_database_as_values(written, nasty):
    scope, pk = written(about=nasty)
    written(about="another")
    lines = b"".join(export.json_lines(filtered(visible([scope]), Filters(object=nasty)))).splitlines()
    assert [(row["id"], row["object"]) for row in map(json.loads, lines)] == [(pk, nasty)]


@pytest.mark.django_db
def test_text_search_and_dates_narrow_an_export(written):
    scope, _ = written(reason="50% off")
    chosen = filtered(visible([scope]), Filters(text="50% OFF", since=T0, event="probe.*"))
    assert len(b"".join(export.json_lines(chosen)).splitlines()) == 1
    assert b"".join(export.json_lines(filtered(visible([scope]), Filters(until=T0)))) == b""


@pytest.mark.django_db
def test_an_export_of_no_scope_is_a_header_only(written):
    written()
    assert b"".join(export.csv(visible([]))) == HEADER
    assert b"".join(export.json_lines(visible([]))) == b""


@pytest.fixture
def many(owner):
    """Commit 2,000 events of a scope of their own and return that scope."""
    scope = f"team:{owner.execute('SELECT gen_random_uuid()').fetchone()[0]}"
    owner.execute(
        "INSERT INTO audit_event (at, epoch, source, event, actor, scope, reason) "
        "SELECT %s, 1, 'event', 'probe.seen', 'user:1', %s, repeat('x', 200) FROM generate_series(1, 2000)",
        [T0, scope],
    )
    return scope


@pytest.mark.django_db
def test_a_large_export_comes_in_chunks_of_bounded_size(many):
    sizes = [len(chunk) for chunk in export.json_lines(visible([many]))]
    assert len(sizes) > 5
    assert max(sizes) < export.CHUNK_BYTES + 2048


@pytest.mark.django_db
def test_a_reader_who_leaves_early_leaves_no_connection_behind(many, app):
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT%'"
    stream = export.csv(visible([many]))
    assert next(stream).startswith(HEADER)
    assert app.execute(sessions).fetchone() == (1,)
    stream.close()
    for _ in range(50):
        app.rollback()
        if app.execute(sessions).fetchone() == (0,):
            return
        time.sleep(0.05)
    raise AssertionError("the export's session is still there")
