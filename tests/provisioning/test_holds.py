"""A plan that is asked about or sent back: nobody signs it, its clock stands still, and every word of it stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies.models import Budget, Signature
from policies.results import Denied
from provisioning.actions import control, hold
from provisioning.actions.amend import amend
from provisioning.actions.hold import Say
from provisioning.actions.sign import approve
from provisioning.models import Environment, Hold, Operation
from provisioning.runs.sweep import sweep
from tests.hostile import refused_once, sqlstate
from tests.provisioning.engine import drain
from tests.provisioning.test_tampering import written

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(demo) -> Operation:
    """Mara's creation in prod, planned, with 72 hours left to sign it."""
    asked = {"size": "S", "greeting": "hello"}
    until = timezone.now() + timedelta(hours=72)
    operation = written(demo, "awaiting_approval", approval_expires_at=until)
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(arguments={"parameters": asked, "ttl_hours": None})
        Environment.objects.filter(pk=operation.environment_id).update(parameters=asked)
    return fresh(operation)


@pytest.fixture
def held(demo, waiting) -> Operation:
    """Signed by Jonas, then sent back by Tomasz."""
    assert approve(by=demo.jonas, operation=waiting, digest=waiting.change_digest)
    assert hold.send_back(by=demo.tomasz, operation=fresh(waiting), say=Say(waiting.change_digest, "Why size S?"))
    return fresh(waiting)


def fresh(operation: Operation) -> Operation:
    rows = Operation.objects.select_related("requester", "team", "environment__template_version")
    return rows.get(pk=operation.pk)


def told(operation: Operation) -> list[str]:
    found = AuditEvent.objects.filter(object=operation.ref, source="event").order_by("id")
    return list(found.values_list("event", flat=True))


def test_a_question_holds_the_plan_and_stops_its_clock(demo, waiting):
    answer = hold.hold(by=demo.jonas, operation=waiting, say=Say(waiting.change_digest, "Who is on call?"))
    assert isinstance(answer, Operation)
    row, question = fresh(waiting), Hold.objects.get()
    assert (row.status, row.approval_expires_at, row.blocked) == ("held", None, "Asked by Jonas: Who is on call?")
    assert (question.kind, question.text, question.by, question.requester) == (
        "question",
        "Who is on call?",
        demo.jonas,
        demo.mara,
    )
    assert 72 * 3600 - 60 < question.left_seconds <= 72 * 3600
    assert told(waiting)[-2:] == ["operation.held", "operation.questioned"]
    assert list(OutboxEvent.objects.values_list("topic", flat=True)) == ["operation.questioned"]


def test_a_held_plan_never_expires(demo, held):
    assert sweep()["expired"] == 0
    assert fresh(held).status == "held"


def test_nobody_signs_while_it_is_held(demo, held):
    denied = refused_once(lambda: approve(by=demo.ines, operation=held, digest=held.change_digest))
    assert denied.rule == "approval.waiting"


def test_an_answer_gives_the_clock_back_what_was_left_and_keeps_signatures(demo, held):
    operation = hold.answer(by=demo.mara, operation=held, text="It is a trial.")
    assert isinstance(operation, Operation)
    row, ended = fresh(held), Hold.objects.get()
    left = row.approval_expires_at - timezone.now()
    assert (row.status, row.blocked) == ("awaiting_approval", "")
    assert timedelta(seconds=ended.left_seconds - 5) < left <= timedelta(seconds=ended.left_seconds)
    assert (ended.ending, ended.ended_by, ended.answer) == ("answered", demo.mara, "It is a trial.")
    assert Signature.objects.filter(voided_at=None).count() == 1


def test_a_signer_takes_the_question_back(demo, held):
    assert isinstance(hold.resume(by=demo.jonas, operation=held), Operation)
    assert (fresh(held).status, Hold.objects.get().ending) == ("awaiting_approval", "resumed")


@pytest.mark.parametrize("who", ["mara", "vera", "olaf", "pia", "ana"])
def test_only_a_signer_holds(demo, waiting, who):
    say = Say(waiting.change_digest, "Wait.")
    denied = refused_once(lambda: hold.hold(by=getattr(demo, who), operation=waiting, say=say))
    assert denied.rule == ("approval.not_requester" if who == "mara" else "approval.approver")


@pytest.mark.parametrize("who", ["jonas", "vera", "ines"])
def test_only_who_asked_answers_and_changes(demo, held, who):
    person = getattr(demo, who)
    assert refused_once(lambda: hold.answer(by=person, operation=held, text="x")).rule == "approval.requester"
    changed = refused_once(lambda: amend(by=person, operation=held, parameters={"size": "M"}))
    assert changed.rule == "approval.requester"


def test_the_requester_does_not_take_the_question_back(demo, held):
    denied = refused_once(lambda: hold.resume(by=demo.mara, operation=held))
    assert denied.rule == "approval.not_requester"


def test_a_plan_that_changed_meanwhile_is_not_sent_back(demo, waiting):
    denied = refused_once(lambda: hold.send_back(by=demo.jonas, operation=waiting, say=Say("sha256:old", "No.")))
    assert (denied.rule, denied.status) == ("approval.digest", 409)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001, "a\x00b"])
def test_words_that_say_nothing_hold_nothing(demo, waiting, text):
    denied = hold.hold(by=demo.jonas, operation=waiting, say=Say(waiting.change_digest, text))
    assert isinstance(denied, Denied)
    assert (denied.status, Hold.objects.count(), fresh(waiting).status) == (422, 0, "awaiting_approval")


def test_what_waits_for_no_signature_is_not_held(demo, held):
    say = Say(held.change_digest, "Again.")
    assert refused_once(lambda: hold.hold(by=demo.ines, operation=held, say=say)).rule == "approval.waiting"
    hold.answer(by=demo.mara, operation=held, text="So.")
    denied = refused_once(lambda: hold.answer(by=demo.mara, operation=fresh(held), text="Again."))
    assert denied.rule == "approval.waiting"


def test_a_changed_request_is_planned_anew_and_every_signature_is_void(demo, held):
    old = held.change_digest
    answer = amend(by=demo.mara, operation=held, parameters={"size": "M"}, reason="M it is.")
    assert isinstance(answer, Operation)
    void = Signature.objects.get()
    assert (fresh(held).status, void.void_reason) == ("requested", "Mara changed what was asked: size.")
    assert void.voided_at is not None
    ended = Hold.objects.get()
    assert (ended.ending, ended.answer) == ("edited", "M it is.")
    drain()
    row = fresh(held)
    assert (row.status, row.plan["parameters"]["size"]) == ("awaiting_approval", "M")
    assert row.change_digest != old
    assert row.environment.parameters["size"] == "M"


def test_what_is_not_named_stays_when_a_request_is_changed(demo, held):
    amend(by=demo.mara, operation=held, parameters={"greeting": "hi"})
    assert fresh(held).arguments["parameters"] == {"size": "S", "greeting": "hi"}


def test_a_change_that_breaks_the_template_changes_nothing(demo, held):
    denied = amend(by=demo.mara, operation=held, parameters={"size": "XXL"})
    assert isinstance(denied, Denied)
    assert (denied.status, denied.field) == (422, "parameters.size")
    assert (fresh(held).status, Hold.objects.get().ended_at) == ("held", None)


def test_a_change_that_changes_nothing_is_refused(demo, held):
    denied = refused_once(lambda: amend(by=demo.mara, operation=held, parameters={"size": "S"}))
    assert denied.rule == "operation.changed"


def test_a_request_is_changed_only_while_it_is_held(demo, waiting):
    denied = refused_once(lambda: amend(by=demo.mara, operation=waiting, parameters={"size": "M"}))
    assert denied.rule == "approval.waiting"


def test_a_cancelled_request_ends_its_question_and_its_environment(demo, held):
    assert isinstance(control.cancel(by=demo.mara, operation=held), Operation)
    ended = Hold.objects.get()
    assert (fresh(held).status, ended.ending, ended.ended_by) == ("cancelled", "ended", None)
    assert Environment.objects.get(pk=held.environment_id).status == "destroyed"


INSERT = """
INSERT INTO provisioning_hold (operation_id, team_id, kind, digest, text, by_id, requester_id, at, ending, answer)
VALUES (%s, %s, 'back', %s, %s, %s, %s, now(), '', '')
"""


def test_raw_sql_holds_only_the_waiting_plan_under_its_own_requester(demo, waiting):
    good = [waiting.pk, demo.payments.pk, waiting.change_digest, "why", demo.jonas.pk, demo.mara.pk]
    assert sqlstate(INSERT, good) == ""
    for at, value, state in [
        (1, demo.reliability.pk, "42501"),
        (2, "sha256:other", "42501"),
        (3, "", "23514"),
        (4, demo.mara.pk, "23514"),
        (5, demo.vera.pk, "42501"),
    ]:
        assert sqlstate(INSERT, [*good[:at], value, *good[at + 1 :]]) == state, at


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM provisioning_hold",
        "TRUNCATE provisioning_hold",
        "UPDATE provisioning_hold SET text = 'nothing'",
        "UPDATE provisioning_hold SET by_id = requester_id",
    ],
)
def test_raw_sql_changes_no_question(demo, held, statement):
    assert sqlstate(statement) == "42501"


def test_raw_sql_does_not_end_a_hold_halfway_or_for_another(demo, held):
    assert sqlstate("UPDATE provisioning_hold SET ended_at = now()") == "23514"
    answered = "UPDATE provisioning_hold SET ended_at = now(), ending = 'answered', answer = %s, ended_by_id = %s"
    assert sqlstate(answered, ["x", demo.jonas.pk]) == "23514"
    assert sqlstate(answered, ["", demo.mara.pk]) == "23514"


def test_an_ended_hold_is_not_ended_again(demo, held):
    hold.answer(by=demo.mara, operation=held, text="So.")
    assert sqlstate("UPDATE provisioning_hold SET answer = 'other'") == "42501"


NOW = "SET CONSTRAINTS ALL IMMEDIATE"


def test_held_means_held_by_somebody_at_commit(demo, waiting):
    assert sqlstate(f"{NOW}; UPDATE provisioning_operation SET status = 'held'") == "42501"


def test_a_question_without_holding_is_refused_at_commit(demo, waiting):
    literal = f"'{waiting.pk}', {demo.payments.pk}, 'back', '{waiting.change_digest}', 'why', {demo.jonas.pk}"
    insert = INSERT.split("VALUES")[0] + f"VALUES ({literal}, {demo.mara.pk}, now(), '', '')"
    assert sqlstate(f"{NOW}; {insert}") == "42501"


def test_one_hold_at_a_time(demo, waiting):
    good = [waiting.pk, demo.payments.pk, waiting.change_digest, "why", demo.jonas.pk, demo.mara.pk]
    assert sqlstate(INSERT + ", " + INSERT.split("VALUES")[1], [*good, *good]) == "23505"


def test_a_change_without_room_in_a_budget_changes_nothing(demo, held):
    with context(by="system:test"):
        Budget.objects.create(team=demo.payments, amount=1, currency="EUR", blocks=True)
    denied = refused_once(lambda: amend(by=demo.mara, operation=held, parameters={"size": "M"}))
    assert denied.rule.startswith("budget")
    assert (fresh(held).status, fresh(held).environment.parameters["size"]) == ("held", "S")
