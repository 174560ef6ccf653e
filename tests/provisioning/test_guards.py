"""Each guard by itself: what happens when exactly one of them would be missing. The faults are in tests/mutants."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import approvals, quotas, tokens
from policies.models import ApiToken, Quota, QuotaReservation, Signature
from policies.places import Place
from policies.quotas import Wants
from policies.results import Denied
from provisioning import turns
from provisioning.actions.change import Ask, submit
from provisioning.actions.request import request_environment
from provisioning.actions.secrets import authorise_reveal
from provisioning.actions.sign import approve, subject_of
from provisioning.drivers.base import LeaseLost
from provisioning.models import Environment, Operation, OperationStep
from provisioning.runs.worker import take, work
from provisioning.selectors import due_to_destroy, due_to_expire, due_to_warn
from tests import noop, people
from tests.provisioning.engine import ask, drain, lapse, ready, requested, wanted

pytestmark = pytest.mark.django_db(transaction=True)


def _in_thread(work):
    """Run in a thread with a connection of its own; the thread and the list its answer comes in."""
    answers = []

    def run():
        try:
            answers.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, answers


def _prod(demo, name="payments-api-prod") -> Operation:
    operation = requested(demo, name=name, tier="prod")
    drain()
    operation.refresh_from_db()
    assert operation.status == "awaiting_approval"
    return operation


def test_what_is_held_is_not_claimed_by_a_worker_that_saw_it_before(demo, monkeypatch):
    requested(demo)
    held = take()
    monkeypatch.setattr(turns, "CANDIDATE", "SELECT %(only)s::uuid, NULL::uuid, NULL::bigint, false")
    assert take(held.operation) is None
    claims = AuditEvent.objects.filter(event="operation.claimed", object=f"operation:{held.operation}")
    assert claims.count() == 1


def test_a_change_that_waits_for_its_environment_stops_no_other(demo):
    first = ready(demo)
    changes = [ask(demo, first, "update", arguments={"parameters": {"size": size}}) for size in ("M", "L")]
    for _ in changes:
        assert work()
    assert take().operation == changes[0].pk
    other = requested(demo, name="payments-api-two")
    assert work(other.pk)
    lease = take()
    assert lease is not None
    assert lease.operation == other.pk


def test_an_old_owner_records_no_step(demo):
    def stolen(change, key):
        if change.address == "a":
            lapse(operation)
            assert take() is not None

    noop.STEPS[:] = ["a", "b"]
    noop.HOOKS["before"] = stolen
    operation = requested(demo)
    drain(2)
    assert noop.CALLS == {"apply a": 1}
    steps = OperationStep.objects.filter(operation=operation).order_by("position")
    assert [step.status for step in steps] == ["running", "pending"]


def test_an_old_owner_is_stopped_before_it_writes_outside(demo):
    lost = []

    def asks(change, key):
        lapse(operation)
        try:
            key.guard()
        except LeaseLost:
            lost.append(change.address)
            raise

    noop.HOOKS["before"] = asks
    operation = requested(demo)
    drain(2)
    assert lost == ["thing"]
    assert noop.WORLD.get(str(operation.environment_id), {}) == {}


def test_two_last_signatures_at_the_same_moment_queue_it(demo):
    operation = _prod(demo)
    with context(by=demo.jonas):
        assert approve(by=demo.jonas, operation=operation, digest=operation.change_digest)
        thread, answers = _in_thread(
            lambda: approve(by=demo.tomasz, operation=operation, digest=operation.change_digest)
        )
        thread.join(1)
    thread.join(10)
    operation.refresh_from_db()
    assert (Signature.objects.count(), operation.status) == (2, "queued")
    assert answers[0].pk == operation.pk


def test_a_signature_counts_for_its_own_digest_only(demo):
    operation = _prod(demo)
    assert approve(by=demo.jonas, operation=operation, digest=operation.change_digest)
    assert approvals.tally(subject_of(operation)).signed == 1
    operation.change_digest = "sha256:" + "0" * 64
    assert approvals.tally(subject_of(operation)).signed == 0


def test_parallel_reservations_never_overshoot(demo):
    with context(by="system:test"):
        Quota.objects.filter(team=demo.payments).update(limit=1)

    def reserve():
        with context(by="system:test"):
            return quotas.hold(Wants(Place(demo.payments), "environment:b", {"environments": Decimal(1)}))

    with context(by="system:test"):
        assert quotas.hold(Wants(Place(demo.payments), "environment:a", {"environments": Decimal(1)})) == []
        thread, answers = _in_thread(reserve)
        thread.join(1)
    thread.join(10)
    assert [use.metric for use in answers[0]] == ["environments"]
    assert list(QuotaReservation.objects.values_list("subject", flat=True)) == ["environment:a"]


def test_who_may_not_request_gets_nothing(demo):
    refusals = AuditEvent.objects.filter(event="operation.refused", actor=demo.vera.audit_ref)
    answer = request_environment(by=demo.vera, wanted=wanted(demo))
    assert isinstance(answer, Denied)
    assert (answer.rule, answer.status) == ("role.request", 403)
    assert not Environment.objects.exists()
    assert refusals.count() == 1


def test_who_may_not_operate_changes_nothing(demo):
    environment = ready(demo)
    answer = submit(by=demo.vera, ask=Ask(environment=environment, kind="suspend"))
    assert isinstance(answer, Denied)
    assert (answer.rule, Operation.objects.filter(kind="suspend").count()) == ("role.operate", 0)


def test_who_may_not_reveal_is_told_before_anything_is_looked_up(demo):
    environment = ready(demo)
    answer = authorise_reveal(by=demo.vera, environment=environment, name="database", reason="I want to see it")
    assert isinstance(answer, Denied)
    assert (answer.rule, answer.status) == ("role.reveal_secret", 403)
    assert not AuditEvent.objects.filter(event="secret.revealed", object=environment.ref).exists()


def test_a_repeated_key_makes_one_environment(demo):
    first, second = (request_environment(by=demo.mara, wanted=wanted(demo), key="k-1") for _ in range(2))
    assert isinstance(second, Operation)
    assert (first.pk, Environment.objects.count()) == (second.pk, 1)


def test_the_lifetime_sweep_never_finds_prod(demo):
    for tier in ("prod", "stage"):
        _old(demo, f"payments-api-{tier}", tier, "ready")
    dev = _old(demo, "payments-api-dev", "dev", "ready")
    now = timezone.now()
    assert [list(due(now)) for due in (due_to_warn, due_to_expire, due_to_destroy)] == [[dev.pk], [dev.pk], []]


def _old(demo, name, tier, status) -> Environment:
    return people.environment(demo, name, tier, status=status, expires_at=timezone.now() - timedelta(hours=1))


def test_a_token_ends_with_its_time(demo):
    token, value = tokens.create(by=demo.mara, name="ci", scopes=["read"], days=1)
    assert tokens.find(value).pk == token.pk
    with context(by="system:test"):
        ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert tokens.find(value) is None
