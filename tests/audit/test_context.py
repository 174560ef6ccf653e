"""The door to a writing transaction: nesting, refusals, request ids."""

import threading
from dataclasses import dataclass

import pytest
from django.db import ProgrammingError, connection, transaction

from audit.context import bind_request_id, context, current, request_id
from audit.models import AuditEvent, OutboxEvent
from audit.record import emit, record


@dataclass
class Person:
    """Somebody with the two attributes an actor has."""

    audit_ref: str = "user:3"
    audit_label: str = "Ana Silva"


def setting():
    """Return what the database sees of the open context."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.ctx', true), '')")
        return cursor.fetchone()[0]


def lost_inside(block, about):
    """Record and emit inside the block, then fail."""
    with block:
        record("probe.lost", object=about)
        emit("probe.lost", object=about)
        raise KeyError


@pytest.fixture(autouse=True)
def no_request():
    """Start and end every test without a request id."""
    token = request_id.set("")
    yield
    request_id.reset(token)


@pytest.mark.django_db
def test_an_event_carries_everything_the_context_says():
    with context(by=Person(), reason="late", operation="operation:1", request_id="r1", scope="team:9"):
        record("probe.seen", object="probe:ctx", data={"n": 1})
    event = AuditEvent.objects.get(object="probe:ctx")
    assert (event.actor, event.actor_label, event.request_id) == ("user:3", "Ana Silva", "r1")
    assert (event.operation, event.reason, event.scope) == ("operation:1", "late", "team:9")
    assert (event.source, event.event, event.data) == ("event", "probe.seen", {"n": 1})


@pytest.mark.django_db
def test_an_events_own_scope_wins_over_the_contexts():
    with context(by="user:3", scope="team:9"):
        record("probe.seen", object="probe:scope", scope="team:4")
    assert AuditEvent.objects.get(object="probe:scope").scope == "team:4"


@pytest.mark.django_db
def test_an_actor_named_by_text_is_its_own_label():
    with context(by="system:sweep") as opened:
        assert (opened.actor, opened.actor_label) == ("system:sweep", "system:sweep")


@pytest.mark.django_db
def test_the_bound_request_id_is_the_default():
    bind_request_id("r-bound")
    with context(by="user:3") as opened:
        assert opened.request_id == "r-bound"
    with context(by="user:3", request_id="r-own") as opened:
        assert opened.request_id == "r-own"


@pytest.mark.django_db
def test_an_event_without_context_is_refused_and_nothing_is_written():
    with pytest.raises(ProgrammingError, match=r"no audit context: event probe\.seen"), transaction.atomic():
        record("probe.seen", object="probe:none")
    assert not AuditEvent.objects.filter(object="probe:none").exists()


@pytest.mark.django_db
def test_a_context_without_actor_is_refused():
    with pytest.raises(ValueError, match="needs an actor"), context(by=""):
        raise AssertionError
    assert current() is None


@pytest.mark.django_db
def test_a_nested_context_keeps_the_outer_one():
    with context(by="user:3", reason="outer", request_id="r1") as outer:
        with context(by="user:3", reason="inner", request_id="r2") as inner:
            record("probe.seen", object="probe:nested")
        assert inner is outer
        assert current() is outer
    event = AuditEvent.objects.get(object="probe:nested")
    assert (event.reason, event.request_id) == ("outer", "r1")
    assert current() is None


@pytest.mark.django_db
def test_another_actor_inside_is_refused_and_the_outer_one_goes_on():
    with context(by="user:3"):
        with pytest.raises(RuntimeError, match="user:4 cannot act inside it"), context(by="user:4"):
            raise AssertionError
        record("probe.seen", object="probe:after")
    assert AuditEvent.objects.get(object="probe:after").actor == "user:3"


@pytest.mark.django_db
def test_a_nested_context_that_fails_undoes_only_its_own_part():
    with context(by="user:3"):
        record("probe.kept", object="probe:part")
        with pytest.raises(KeyError):
            lost_inside(context(by="user:3"), "probe:part")
        record("probe.kept", object="probe:part")
    assert list(AuditEvent.objects.filter(object="probe:part").values_list("event", flat=True)) == [
        "probe.kept",
        "probe.kept",
    ]


@pytest.mark.django_db
def test_nothing_of_the_context_outlives_it():
    with context(by="user:3"):
        assert '"actor": "user:3"' in setting()
    assert (setting(), current()) == ("", None)
    with pytest.raises(KeyError), context(by="user:3"):
        raise KeyError
    assert (setting(), current()) == ("", None)


@pytest.mark.django_db
def test_a_transaction_that_broke_inside_is_reported_as_itself():
    with transaction.atomic(), context(by="user:3"):
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            record("probe.seen", object="probe:broken")
    assert current() is None


@pytest.mark.django_db
def test_one_setting_is_sent_for_a_whole_transaction(django_assert_num_queries):
    with transaction.atomic():
        pass
    with context(by="user:3"), django_assert_num_queries(2):
        record("probe.seen", object="probe:1")
        record("probe.seen", object="probe:2")


def test_a_context_belongs_to_its_thread(django_db_setup, django_db_blocker):
    seen = []
    with django_db_blocker.unblock(), context(by="user:3"):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        transaction.set_rollback(True)
    assert seen == [None]


@pytest.mark.django_db
def test_a_message_lives_and_dies_with_its_transaction():
    with context(by="user:3"):
        emit("probe.expiring", payload={"hours": 4}, object="probe:1")
        with pytest.raises(KeyError):
            lost_inside(transaction.atomic(), "probe:1")
    message = OutboxEvent.objects.get()
    assert (message.topic, message.object, message.payload) == ("probe.expiring", "probe:1", {"hours": 4})
    assert (message.delivered_at, message.attempts) == (None, 0)


def test_a_message_outside_a_transaction_is_refused(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), pytest.raises(RuntimeError, match=r"probe\.expiring"):
        emit("probe.expiring")
