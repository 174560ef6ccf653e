"""The whole matrix of both transition tables, through lifecycle.py and by raw SQL as the app's role."""

from contextlib import contextmanager, suppress

import pytest
from django.db import connection

from audit.context import context
from audit.models import AuditEvent
from provisioning import states
from provisioning.lifecycle import move, move_environment
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus, OperationStatus
from tests import people
from tests.hostile import everything, sqlstate

pytestmark = pytest.mark.django_db


def environment_in(demo, status: str, name: str = "payments-api-dev", tier: str = "dev") -> Environment:
    return people.environment(demo, name, tier, status=status)


def operation_in(demo, status: str) -> Operation:
    environment = environment_in(demo, "ready")
    with context(by="system:test"):
        return Operation.objects.create(
            kind="update", environment=environment, team=demo.payments, tier="dev", requester=demo.mara, status=status
        )


class _Undo(Exception):
    """Takes a move back, so that one row tries every target."""


@contextmanager
def taken_back():
    with suppress(_Undo), context(by="system:test"):
        yield
        raise _Undo


@pytest.mark.parametrize("start", OperationStatus.values)
def test_an_operation_moves_exactly_as_the_table_says(demo, start):
    operation = operation_in(demo, start)
    before = everything()
    for to in OperationStatus.values:
        legal = to in states.OPERATION[start]
        with taken_back():
            assert move(operation, to) is legal, to
            assert Operation.objects.get(pk=operation.pk).status == (to if legal else start)
            assert events_of(operation) == ([f"operation.{to}"] if legal else [])
            assert (everything() == before) is not legal
    assert everything() == before


def events_of(operation: Operation) -> list[str]:
    found = AuditEvent.objects.filter(object=operation.ref, source="event").order_by("id")
    return list(found.values_list("event", flat=True))


@pytest.mark.parametrize("start", OperationStatus.values)
def test_raw_sql_moves_an_operation_only_as_the_table_says(demo, start):
    operation = operation_in(demo, start)
    before = everything()
    change = "UPDATE provisioning_operation SET status = %s WHERE id = %s"
    passed = {to for to in OperationStatus.values if sqlstate(change, [to, operation.pk]) == ""}
    refused = {to for to in OperationStatus.values if sqlstate(change, [to, operation.pk]) == "23514"}
    assert passed == states.OPERATION[start] | {start}
    assert refused == set(OperationStatus.values) - passed
    assert everything() == before


@pytest.mark.parametrize("start", EnvironmentStatus.values)
def test_an_environment_moves_exactly_as_the_table_says(demo, start):
    environment = environment_in(demo, start)
    for to in EnvironmentStatus.values:
        legal = to == start or to in states.ENVIRONMENT[start]
        with taken_back():
            assert move_environment(environment, to) is legal, to
            assert Environment.objects.get(pk=environment.pk).status == (to if legal else start)


@pytest.mark.parametrize("start", EnvironmentStatus.values)
def test_raw_sql_moves_an_environment_only_as_the_table_says(demo, start):
    environment = environment_in(demo, start)
    change = "UPDATE provisioning_environment SET status = %s WHERE id = %s"
    passed = {to for to in EnvironmentStatus.values if sqlstate(change, [to, environment.pk]) == ""}
    refused = {to for to in EnvironmentStatus.values if sqlstate(change, [to, environment.pk]) == "23514"}
    assert passed == states.ENVIRONMENT[start] | {start}
    assert refused == set(EnvironmentStatus.values) - passed


@pytest.mark.parametrize("end", sorted(states.TERMINAL))
def test_an_ended_operation_has_no_way_out_but_a_retry_of_a_failed_one(end):
    assert states.OPERATION[end] == ({"queued"} if end == "failed" else frozenset())


def test_every_status_is_active_waiting_or_terminal_and_only_one_of_them():
    groups = [states.ACTIVE, states.WAITING, states.TERMINAL]
    assert sorted(status for group in groups for status in group) == sorted(OperationStatus.values)
    assert set(states.OPERATION) == set(OperationStatus.values)
    assert set(states.ENVIRONMENT) == set(EnvironmentStatus.values)


@pytest.mark.parametrize("table", [states.OPERATION, states.ENVIRONMENT])
def test_every_status_can_be_reached_from_the_first(table):
    reached = {"requested"}
    for _ in table:
        reached |= {to for start in reached for to in table[start]}
    assert reached == set(table)


@pytest.mark.parametrize("table", ["provisioning_operation", "provisioning_environment"])
def test_the_guard_of_statuses_is_in_force(db, table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgenabled FROM pg_trigger WHERE tgname = 'status_guard' AND tgrelid = %s::regclass", [table]
        )
        assert cursor.fetchall() in ([("O",)], [("A",)])


def test_a_status_that_does_not_exist_is_refused_on_insert_too(demo):
    operation = operation_in(demo, "requested")
    state = sqlstate("UPDATE provisioning_operation SET status = 'done' WHERE id = %s", [operation.pk])
    assert state == "23514"
    with context(by="system:test"):
        environment = operation.environment
    assert (
        sqlstate(
            "INSERT INTO provisioning_operation SELECT (jsonb_populate_record(o, jsonb_build_object("
            "'id', gen_random_uuid(), 'status', 'done'))).* FROM provisioning_operation o WHERE environment_id = %s",
            [environment.pk],
        )
        == "23514"
    )
