"""Every way of writing a watched table leaves its before and after, or is refused."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb


def inserted(conn, team, name="a", secret=None):
    """Insert one row; return its id."""
    return conn.execute(
        "INSERT INTO audit_probe (team_id, name, secret) VALUES (%s, %s, %s) RETURNING id",
        [team, name, secret],
    ).fetchone()[0]


def test_a_write_without_context_is_refused_and_nothing_is_written(probe, app, events):
    with (
        pytest.raises(InsufficientPrivilege, match="no audit context: INSERT of audit_probe"),
        app.transaction(),
    ):
        inserted(app, probe)
    assert app.execute("SELECT count(*) FROM audit_probe WHERE team_id = %s", [probe]).fetchone() == (0,)
    assert events(probe) == []


def test_the_context_ends_with_its_transaction(probe, as_user, app):
    with app.transaction(force_rollback=True):
        inserted(as_user(), probe)
    with pytest.raises(InsufficientPrivilege, match="no audit context"), app.transaction():
        inserted(app, probe)


def test_the_owner_may_write_without_context_under_its_own_name(probe, owner):
    inserted(owner, probe)
    found = owner.execute("SELECT actor, event FROM audit_event WHERE scope = %s", [f"team:{probe}"]).fetchall()
    owner_name = owner.execute("SELECT session_user").fetchone()[0]
    assert found == [(f"owner:{owner_name}", "probe.inserted")]


def test_insert_update_delete_are_recorded_with_before_and_after(probe, as_user, events):
    conn = as_user()
    pk = inserted(conn, probe)
    conn.execute("UPDATE audit_probe SET name = 'b', amount = 2.50 WHERE id = %s", [pk])
    conn.execute("DELETE FROM audit_probe WHERE id = %s", [pk])
    whole = {"id": pk, "team_id": probe, "name": "a", "secret": None, "amount": None, "details": None}
    assert events(probe) == [
        ("probe.inserted", f"probe:{pk}", None, whole),
        ("probe.updated", f"probe:{pk}", {"name": "a", "amount": None}, {"name": "b", "amount": 2.5}),
        ("probe.deleted", f"probe:{pk}", {**whole, "name": "b", "amount": 2.5}, None),
    ]


def test_an_update_that_changes_nothing_records_nothing(probe, as_user, events):
    conn = as_user()
    pk = inserted(conn, probe)
    conn.execute("UPDATE audit_probe SET name = name, details = NULL WHERE id = %s", [pk])
    assert [event for event, *_ in events(probe)] == ["probe.inserted"]


def test_an_update_of_many_rows_records_each(probe, as_user, events):
    conn = as_user()
    pks = [inserted(conn, probe, name=f"n{i}") for i in range(3)]
    conn.execute("UPDATE audit_probe SET name = 'same' WHERE team_id = %s", [probe])
    assert events(probe)[3:] == [
        ("probe.updated", f"probe:{pk}", {"name": f"n{i}"}, {"name": "same"}) for i, pk in enumerate(pks)
    ]


def test_copy_into_a_watched_table_is_recorded(probe, as_user, events):
    with as_user().cursor().copy("COPY audit_probe (team_id, name) FROM STDIN") as rows:
        rows.write_row([probe, "first"])
        rows.write_row([probe, "second"])
    assert [(event, after["name"]) for event, _, _, after in events(probe)] == [
        ("probe.inserted", "first"),
        ("probe.inserted", "second"),
    ]


def test_copy_without_context_is_refused(probe, app):
    with pytest.raises(InsufficientPrivilege, match="no audit context"), app.transaction():  # noqa: SIM117
        with app.cursor().copy("COPY audit_probe (team_id, name) FROM STDIN") as rows:
            rows.write_row([probe, "first"])
    assert app.execute("SELECT count(*) FROM audit_probe WHERE team_id = %s", [probe]).fetchone() == (0,)


def test_an_upsert_is_recorded_as_the_update_it_was(probe, as_user, events):
    conn = as_user()
    pk = inserted(conn, probe)
    conn.execute(
        "INSERT INTO audit_probe (id, team_id, name) VALUES (%s, %s, 'c') "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        [pk, probe],
    )
    assert events(probe)[1:] == [("probe.updated", f"probe:{pk}", {"name": "a"}, {"name": "c"})]


def test_a_masked_column_is_never_stored_and_its_change_is_seen(probe, as_user, events):
    conn = as_user()
    pk = inserted(conn, probe, secret="canary-1")
    conn.execute("UPDATE audit_probe SET secret = 'canary-2' WHERE id = %s", [pk])
    conn.execute("UPDATE audit_probe SET secret = NULL WHERE id = %s", [pk])
    conn.execute("DELETE FROM audit_probe WHERE id = %s", [pk])
    created, changed, emptied, deleted = events(probe)
    assert created[3]["secret"] == "•••"
    assert changed[2:] == ({"secret": "•••"}, {"secret": "••• (changed)"})
    assert emptied[2:] == ({"secret": "•••"}, {"secret": None})
    assert deleted[2]["secret"] is None
    assert "canary" not in str(events(probe))


def test_who_why_and_for_which_request_stand_on_every_row(probe, as_user, app):
    inserted(as_user(request_id="r-1", operation="operation:9", reason="because"), probe)
    assert app.execute(
        "SELECT source, table_name, actor, actor_label, request_id, operation, reason, epoch, "
        "txid = pg_current_xact_id()::text::bigint FROM audit_event WHERE scope = %s",
        [f"team:{probe}"],
    ).fetchall() == [("row", "audit_probe", "user:7", "Ana", "r-1", "operation:9", "because", 1, True)]


def test_a_row_without_team_takes_the_scope_of_the_context(probe, as_user, events):
    inserted(as_user(scope=f"team:{probe}"), None)
    assert [event for event, *_ in events(probe)] == ["probe.inserted"]


def test_a_failed_history_write_rolls_back_the_change(probe, as_user, app):
    with pytest.raises(psycopg.errors.CheckViolation), app.transaction():
        inserted(as_user(actor=""), probe)
    assert app.execute("SELECT count(*) FROM audit_probe WHERE team_id = %s", [probe]).fetchone() == (0,)


def test_a_change_that_is_rolled_back_leaves_no_history(probe, as_user, app, events):
    with app.transaction(force_rollback=True):
        inserted(as_user(), probe)
        assert len(events(probe)) == 1
    assert events(probe) == []


def test_nested_json_is_kept_whole(probe, as_user, events):
    conn = as_user()
    pk = inserted(conn, probe)
    details = {"list": [1, {"deep": "ü"}], "none": None}
    conn.execute("UPDATE audit_probe SET details = %s WHERE id = %s", [Jsonb(details), pk])
    assert events(probe)[1][2:] == ({"details": None}, {"details": details})


def test_the_owners_truncate_is_recorded(probe, owner):
    with owner.transaction(force_rollback=True):
        owner.execute("TRUNCATE audit_probe")
        last = owner.execute("SELECT event, table_name FROM audit_event ORDER BY id DESC LIMIT 1").fetchone()
    assert last == ("probe.truncated", "audit_probe")
