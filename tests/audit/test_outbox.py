"""Messages reach every consumer at least once, and those that fail are tried again later."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit import outbox
from audit.models import OutboxEvent
from audit.outbox import Delivered, deliver, pause, subscribe


@pytest.fixture
def message(db):
    """One due message of the topic probe.done."""
    return OutboxEvent.objects.create(topic="probe.done", object="probe:1", payload={"n": 1})


def failing(event):
    """A consumer whose target is away."""
    raise ConnectionError("target is away")


def due_again(message):
    """Let the message's pause be over."""
    OutboxEvent.objects.filter(id=message.id).update(next_attempt_at=timezone.now())


def test_a_message_reaches_the_consumers_of_its_topic_once(message):
    got = []
    consumers = {
        "probe.done/mail": lambda event: got.append(("mail", event.id, event.payload)),
        "*/log": lambda event: got.append(("log", event.id, event.payload)),
        "probe.other/mail": lambda event: got.append(("other", event.id)),
    }
    assert deliver(consumers) == Delivered(delivered=1, failed=0)
    assert deliver(consumers) == Delivered(delivered=0, failed=0)
    assert got == [("mail", message.id, {"n": 1}), ("log", message.id, {"n": 1})]
    message.refresh_from_db()
    assert message.delivered_at is not None
    assert message.delivered_to == ["probe.done/mail", "*/log"]


def test_a_failure_is_kept_and_only_that_consumer_is_called_again(message):
    got = []
    consumers = {"probe.done/bad": failing, "probe.done/good": lambda event: got.append(event.id)}
    assert deliver(consumers) == Delivered(delivered=0, failed=1)
    message.refresh_from_db()
    assert (message.delivered_at, message.attempts) == (None, 1)
    assert message.last_error == "bad: ConnectionError: target is away"
    due_again(message)
    assert deliver({**consumers, "probe.done/bad": lambda event: got.append("late")}).delivered == 1
    assert got == [message.id, "late"]


def test_a_failed_message_waits_before_it_is_tried_again(message):
    deliver({"probe.done/bad": failing})
    message.refresh_from_db()
    assert timedelta(seconds=3) < message.next_attempt_at - timezone.now() <= timedelta(seconds=5)
    assert deliver({"probe.done/bad": failing}) == Delivered(delivered=0, failed=0)


def test_the_pause_doubles_up_to_an_hour():
    assert [pause(n).total_seconds() for n in (1, 2, 3, 10, 11, 500)] == [5, 10, 20, 2560, 3600, 3600]


def test_a_message_without_consumer_is_done(message):
    assert deliver({}) == Delivered(delivered=1, failed=0)


def test_no_more_than_the_limit_are_taken_oldest_first(message):
    later = OutboxEvent.objects.create(topic="probe.done", next_attempt_at=timezone.now())
    got = []
    consumers = {"probe.done/x": lambda event: got.append(event.id)}
    assert deliver(consumers, limit=1).delivered == 1
    assert got == [message.id]
    deliver(consumers, limit=1)
    assert got == [message.id, later.id]


def test_a_message_whose_claim_ran_out_is_not_marked_by_the_late_one(message):
    def overtaken(event):
        OutboxEvent.objects.filter(id=event.id).update(attempts=2)

    deliver({"probe.done/slow": overtaken})
    message.refresh_from_db()
    assert (message.delivered_at, message.delivered_to) == (None, [])


def test_a_message_another_process_holds_is_passed_over(app, owner, django_db_blocker):
    topic = owner.execute("SELECT gen_random_uuid()::text").fetchone()[0]
    pk = app.execute(
        "INSERT INTO audit_outbox (at, topic, object, payload, delivered_to, attempts, last_error, "
        "next_attempt_at) VALUES (now(), %s, '', '{}', '[]', 0, '', now()) RETURNING id",
        [topic],
    ).fetchone()[0]
    app.commit()
    app.execute("SELECT 1 FROM audit_outbox WHERE id = %s FOR UPDATE", [pk])
    got = []
    with django_db_blocker.unblock(), transaction.atomic():
        deliver({f"{topic}/x": lambda event: got.append(event.id)})
        app.rollback()
        assert got == []
        deliver({f"{topic}/x": lambda event: got.append(event.id)})
        assert got == [pk]
        transaction.set_rollback(True)
    owner.execute("DELETE FROM audit_outbox WHERE id = %s", [pk])
    assert connection.in_atomic_block is False


def test_a_name_is_subscribed_once_per_topic(monkeypatch):
    monkeypatch.setattr(outbox, "_consumers", {})
    subscribe("probe.done", "mail", failing)
    subscribe("probe.done", "mail", failing)
    with pytest.raises(ValueError, match=r"probe\.done/mail is already subscribed"):
        subscribe("probe.done", "mail", print)
    assert outbox.consumers() == {"probe.done/mail": failing}
