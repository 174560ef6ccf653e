"""After a lost worker an environment is looked at again: strays go, differences are mended or told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from provisioning import suspicion
from provisioning.actions.recovery import check_now
from provisioning.actions.sign import approve
from provisioning.drivers.base import DriverUnavailable, Health
from provisioning.models import Environment, Operation, Orphan, Recheck
from provisioning.runs import expiry, orphans, recheck, worker
from tests import noop
from tests.provisioning.engine import ask, drain, lapse, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = {"checked": 0, "drifted": 0, "put_off": 0}
SAME = {**NOTHING, "checked": 1}
DRIFT = {**NOTHING, "drifted": 1}


def _suspect(environment):
    suspicion.mark(environment.pk, cause=suspicion.SUSPECTED, reason="A worker lost op-1 in the middle.")


def _change(environment, **state):
    noop.WORLD[str(environment.pk)]["thing"].update(state)


def test_an_environment_that_is_as_recorded_is_left_alone_and_leaves_no_trace(demo):
    environment = ready(demo)
    _suspect(environment)
    before = AuditEvent.objects.count()
    assert recheck.sweep() == SAME
    assert (recheck.sweep(), AuditEvent.objects.count(), Recheck.objects.count()) == (NOTHING, before, 0)


def test_a_stray_of_a_destroyed_environment_is_listed_and_removed_at_once(demo):
    environment = ready(demo)
    ask(demo, environment, "destroy")
    drain()
    noop.WORLD[str(environment.pk)] = {"thing": {"late": True}}
    _suspect(environment)
    assert recheck.sweep() == DRIFT
    row = Orphan.objects.get()
    assert (row.address, row.operation.kind) == ("thing", "destroy")
    assert row.reason == "A worker lost op-1 in the middle. It is not recorded."
    assert orphans.sweep() == {"removed": 1, "left": 0}
    assert noop.WORLD[str(environment.pk)] == {}
    assert Environment.objects.get(pk=environment.pk).status == "destroyed"


def test_a_difference_a_lost_worker_caused_is_mended_by_an_operation_of_the_system(demo):
    environment = ready(demo)
    _change(environment, release="late")
    noop.WORLD[str(environment.pk)]["stray"] = {}
    _suspect(environment)
    assert recheck.sweep() == DRIFT
    operation = Operation.objects.get(kind="reconcile")
    assert (operation.origin, operation.requester, operation.status) == ("recheck", None, "requested")
    drain()
    operation.refresh_from_db()
    environment.refresh_from_db()
    assert (operation.status, environment.status, environment.drift) == ("succeeded", "ready", {})
    assert sorted(noop.WORLD[str(environment.pk)]) == ["thing"]
    assert noop.WORLD[str(environment.pk)]["thing"]["release"] == ""
    assert not Orphan.objects.filter(removed_at=None).exists()


@pytest.mark.parametrize("tier", ["stage", "prod"])
def test_in_stage_and_prod_people_decide_and_are_told(demo, tier):
    environment = _made_in(demo, tier)
    noop.WORLD[str(environment.pk)]["stray"] = {}
    _suspect(environment)
    assert recheck.sweep() == DRIFT
    assert not Operation.objects.filter(kind="reconcile").exists()
    environment.refresh_from_db()
    assert environment.drift["changes"] == [{"address": "stray", "action": "destroy"}]
    assert OutboxEvent.objects.filter(topic="environment.drifted", object=environment.ref).count() == 1
    assert Orphan.objects.get().address == "stray"


def _made_in(demo, tier):
    operation = requested(demo, tier=tier)
    drain(1)
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz) if tier == "prod" else ():
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    drain()
    return Environment.objects.get(pk=operation.environment_id, status="ready")


def test_a_check_that_a_person_asks_for_records_the_result_and_repairs_nothing(demo):
    environment = ready(demo)
    _change(environment, running=False)
    noop.HOOKS["health"] = lambda spec: Health("degraded", "It does not answer.")
    assert check_now(by=demo.vera, environment=environment)
    assert recheck.sweep() == DRIFT
    environment.refresh_from_db()
    assert (environment.drift["state"], environment.drift["cause"]) == ("drift", "asked")
    assert environment.drift["changes"] == [{"address": "thing", "action": "change"}]
    assert (environment.health["status"], environment.health["reason"]) == ("degraded", "It does not answer.")
    assert not Operation.objects.filter(kind="reconcile").exists()
    assert AuditEvent.objects.filter(event="environment.check_asked", actor=demo.vera.audit_ref).count() == 1
    operation = ask(demo, environment, "reconcile")
    drain()
    operation.refresh_from_db()
    environment.refresh_from_db()
    assert (operation.status, environment.drift) == ("succeeded", {})


def test_reconciling_a_suspended_environment_leaves_it_suspended(demo):
    environment = ready(demo)
    ask(demo, environment, "suspend")
    drain()
    _change(environment, running=True)
    environment.refresh_from_db()
    _suspect(environment)
    assert recheck.sweep() == DRIFT
    drain()
    environment.refresh_from_db()
    assert (environment.status, noop.WORLD[str(environment.pk)]["thing"]["running"]) == ("suspended", False)
    _suspect(environment)
    assert recheck.sweep() == SAME


def test_a_target_that_is_away_is_asked_again_later(demo, monkeypatch):
    environment = ready(demo)

    def away(*_):
        raise DriverUnavailable("Away.")

    _suspect(environment)
    with monkeypatch.context() as patch:
        patch.setattr(noop.NoopDriver, "observe", away)
        assert recheck.sweep() == {**NOTHING, "put_off": 1}
    assert Recheck.objects.get().due_at > timezone.now()
    Recheck.objects.update(due_at=timezone.now())
    assert recheck.sweep() == SAME


def test_nothing_is_looked_at_while_an_operation_is_active(demo):
    environment = ready(demo)
    operation = ask(demo, environment, "suspend")
    drain(1)
    worker.take(operation.pk)
    _suspect(environment)
    assert recheck.sweep() == NOTHING
    lapse(operation)
    drain()
    assert recheck.sweep() == SAME


def test_a_takeover_and_a_lost_lease_both_raise_the_suspicion(demo):
    operation = requested(demo)
    noop.STEPS[:] = ["a", "b"]

    def lose(change, key):
        if noop.CALLS["apply b"] == 1:
            lapse(operation)
            key.guard()

    noop.HOOKS["before"] = lose
    drain(2)
    row = Recheck.objects.get(environment=operation.environment_id)
    assert row.reason == f"A worker lost {operation.short_id} in the middle."
    drain()
    row.refresh_from_db()
    assert row.reason == f"{operation.short_id} was taken over."
    assert recheck.sweep() == SAME


def _failed_suspension(demo):
    environment = ready(demo)
    with context(by="system:test"):
        Environment.objects.filter(pk=environment.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    noop.TROUBLE["thing"] = [noop.DriverError("No.")]
    assert expiry.sweep()["suspended"] == 1
    drain()
    operation = Operation.objects.get(kind="suspend")
    environment.refresh_from_db()
    assert (operation.status, environment.status) == ("failed", "failed")
    return operation


def test_a_failed_scheduled_suspension_is_begun_anew_after_a_minute(demo):
    operation = _failed_suspension(demo)
    now = operation.finished_at
    assert expiry.sweep(now + timedelta(seconds=59))["repeated"] == 0
    assert expiry.sweep(now + timedelta(seconds=61))["repeated"] == 1
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.retries, operation.environment.status) == ("succeeded", 1, "suspended")
    assert noop.CALLS["apply thing"] == 3


def test_a_scheduled_suspension_that_keeps_failing_is_told_once_and_then_left_to_people(demo):
    operation = _failed_suspension(demo)
    for _ in range(expiry.MOST_REPEATS):
        noop.TROUBLE["thing"] = [noop.DriverError("No.")]
        assert expiry.sweep(timezone.now() + timedelta(days=1))["repeated"] == 1
        drain()
    for _ in range(3):
        assert expiry.sweep(timezone.now() + timedelta(days=1))["repeated"] == 0
    operation.refresh_from_db()
    assert (operation.status, operation.attempts) == ("failed", 1)
    assert OutboxEvent.objects.filter(topic="environment.expiry_failed").count() == 1
