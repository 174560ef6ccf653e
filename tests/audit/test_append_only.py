"""What the app's role cannot do to the history, tried in raw SQL."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

STORED = "SELECT count(*) FROM audit_event"


def refused(conn, statement):
    """Assert that the statement is refused for want of rights and leaves the history as it was."""
    before = conn.execute(STORED).fetchone()
    with pytest.raises(InsufficientPrivilege), conn.transaction():
        conn.execute(statement)
    assert conn.execute(STORED).fetchone() == before


@pytest.fixture
def recorded(as_user):
    """A connection as the app with one event in the history of this transaction."""
    conn = as_user()
    conn.execute("SELECT audit.record_event('probe.seen', 'probe:1', '', '{}')")
    return conn


@pytest.mark.parametrize("table", ["audit_event", "audit.event_default", "audit_epoch"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} DEFAULT VALUES",
        "UPDATE {} SET reason = 'mine'",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "DROP TABLE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
    ],
)
def test_the_app_cannot_write_the_history(recorded, table, statement):
    refused(recorded, statement.format(table))


def test_the_app_cannot_write_a_monthly_partition(recorded):
    name = recorded.execute("SELECT to_char(now() AT TIME ZONE 'UTC', '\"audit.event_\"YYYY_MM')").fetchone()[0]
    for statement in ("DELETE FROM {}", "UPDATE {} SET reason = ''", "TRUNCATE {}", "DROP TABLE {}"):
        refused(recorded, statement.format(name))


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE berth_audit",
        "SET SESSION AUTHORIZATION berth_owner",
        "SET session_replication_role = replica",
        "ALTER TABLE audit_probe DISABLE TRIGGER audit_row",
        "DROP TRIGGER audit_row ON audit_probe",
        "CREATE OR REPLACE FUNCTION audit.row_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE FUNCTION audit.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT setval('audit_event_id_seq', 1)",
        "SELECT audit.begin_epoch('mine')",
        "SELECT audit.store('{}', 'row', 'a', '', '', '', NULL, NULL, NULL)",
        "TRUNCATE audit_probe",
    ],
)
def test_the_app_cannot_go_round_the_history(probe, recorded, statement):
    refused(recorded, statement)


def test_the_app_cannot_forge_row_changes_from_a_table_of_its_own(recorded):
    recorded.execute("CREATE TEMP TABLE forged (id int)")
    refused(
        recorded,
        "CREATE TRIGGER t AFTER INSERT ON forged FOR EACH ROW "
        "EXECUTE FUNCTION audit.row_changed('environment', 'id', '', '{}')",
    )


def test_the_app_may_call_two_functions_of_the_history_and_no_more(app):
    callable_ones = app.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'audit'::regnamespace "
        "AND has_function_privilege(oid, 'EXECUTE') ORDER BY 1"
    ).fetchall()
    assert callable_ones == [("ensure_partitions",), ("record_event",)]


def test_a_table_of_the_same_name_in_the_temporary_schema_is_not_written(probe, as_user, events):
    conn = as_user()
    conn.execute("CREATE TEMP TABLE audit_event (LIKE public.audit_event)")
    conn.execute("INSERT INTO audit_probe (team_id, name) VALUES (%s, 'x')", [probe])
    assert conn.execute("SELECT count(*) FROM pg_temp.audit_event").fetchone() == (0,)
    assert conn.execute("SELECT event FROM public.audit_event WHERE scope = %s", [f"team:{probe}"]).fetchall() == [
        ("probe.inserted",)
    ]


@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = ''", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["audit_event", "audit.event_default", "audit_epoch"])
def test_the_owner_too_is_refused(owner, table, statement):
    owner.execute("SELECT set_config('app.ctx', '{\"actor\": \"user:7\"}', false)")
    owner.execute("SELECT audit.record_event('probe.seen', 'probe:1', '', '{}')")
    far_future(owner)
    with pytest.raises(InsufficientPrivilege, match="append-only"):
        owner.execute(statement.format(table))


def far_future(owner):
    """Put one event of the year 2222 into the history; return the table it went to."""
    return owner.execute(
        "INSERT INTO audit_event (at, epoch, source, event, actor) "
        "VALUES ('2222-01-01', 1, 'event', 'x', 'y') RETURNING tableoid::regclass::text"
    ).fetchone()[0]


def test_a_date_without_partition_goes_to_the_default_partition(owner):
    assert far_future(owner) == "audit.event_default"


def test_todays_events_go_to_the_partition_of_the_month(recorded):
    table, expected = recorded.execute(
        "SELECT tableoid::regclass::text, to_char(at AT TIME ZONE 'UTC', '\"audit.event_\"YYYY_MM') "
        "FROM audit_event ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert table == expected


def test_only_the_epoch_of_a_restore_adds_one(owner):
    first = owner.execute("SELECT max(epoch) FROM audit_epoch").fetchone()[0]
    with owner.transaction(force_rollback=True):
        assert owner.execute("SELECT audit.begin_epoch('restored')").fetchone() == (first + 1,)


def test_an_event_cannot_be_written_without_an_actor(as_user):
    conn = as_user(actor="")
    with pytest.raises(psycopg.errors.CheckViolation), conn.transaction():
        conn.execute("SELECT audit.record_event('probe.seen', 'probe:1', '', '{}')")
