"""Force-cancel, the orphan ledger and deleting a record: they work when driver, worker and broker are gone."""

import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import quotas
from provisioning import lifecycle
from provisioning.actions.control import cancel
from provisioning.actions.orphans import mark_removed, retry_removal
from provisioning.actions.recovery import check_now, delete_record, force_cancel
from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost
from provisioning.models import Environment, Operation, OperationLease, Orphan
from provisioning.runs import orphans
from tests import noop
from tests.hostile import refused_once
from tests.provisioning.engine import ask, drain, ready, requested
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db(transaction=True)


def _later(operation, seconds=61):
    """As if the request to cancel were older."""
    with context(by="system:test"):
        at = timezone.now() - timedelta(seconds=seconds)
        Operation.objects.filter(pk=operation.pk).update(cancel_requested_at=at)


def _stuck(demo, step="thing"):
    """A creation whose worker holds it and does nothing more, its first step begun."""
    operation = requested(demo)
    noop.TROUBLE[step] = [DriverUnavailable("The target is away.")]
    drain(2)
    operation.refresh_from_db()
    assert operation.status == "running"
    return operation


def test_force_cancel_needs_a_request_to_cancel_and_its_grace_time(demo):
    operation = _stuck(demo)
    denied = refused_once(lambda: force_cancel(by=demo.mara, operation=operation, reason="It hangs."))
    assert (denied.rule, denied.status, denied.fix) == (
        "operation.forcible",
        409,
        "Cancel it first; if it does not stop, force it.",
    )
    assert cancel(by=demo.mara, operation=operation)
    denied = refused_once(lambda: force_cancel(by=demo.mara, operation=operation, reason="It hangs."))
    assert denied.fix.startswith(("Wait 60 s", "Wait 59 s"))
    assert force_cancel(by=demo.mara, operation=operation, reason=" ").rule == "reason.given"
    operation.refresh_from_db()
    assert operation.status == "running"


def test_force_cancel_takes_it_from_its_worker_and_lists_what_it_may_have_left(demo):
    operation = _stuck(demo)
    with context(by="worker:old"):
        Operation.objects.filter(pk=operation.pk).update(not_before=None)
        old = lifecycle.claim(holder="old", only=operation.pk)
    assert cancel(by=demo.mara, operation=operation)
    _later(operation)
    forced = force_cancel(by=demo.mara, operation=operation, reason="The cluster is gone.")
    assert (forced.status, forced.environment.status) == ("failed", "failed")
    assert forced.error == ("It was force-cancelled; what it had begun was not undone. Mara: The cluster is gone.")
    assert list(Orphan.objects.values_list("address", "environment", "removed_at")) == [
        ("thing", operation.environment_id, None)
    ]
    assert not OperationLease.objects.filter(operation=operation).exists()
    assert not lifecycle.holds(old)
    assert not lifecycle.move(operation, "succeeded", fence=old.fence)
    event = AuditEvent.objects.get(event="operation.forced", object=operation.ref)
    assert (event.actor, event.reason, event.data["left"]) == (demo.mara.audit_ref, "The cluster is gone.", 1)
    assert Environment.objects.get(pk=operation.environment_id).fence > old.fence


def test_an_operation_that_is_stuck_undoing_can_be_forced_too(demo):
    operation = requested(demo)
    noop.TROUBLE["thing"] = [DriverRejected("No.")]
    noop.TROUBLE["undo thing"] = [DriverUnavailable("Away.")] * 9
    drain(2)
    operation.refresh_from_db()
    assert operation.status == "failing"
    assert cancel(by=demo.mara, operation=operation)
    _later(operation)
    assert force_cancel(by=demo.mara, operation=operation, reason="Away for good.").status == "failed"
    assert Orphan.objects.get().address == "thing"


def test_nobody_without_the_right_forces_anything_and_platform_engineers_may(demo):
    operation = _stuck(demo)
    assert cancel(by=demo.mara, operation=operation)
    _later(operation)
    for person in (demo.vera, demo.jonas, demo.ana, demo.olaf):
        denied = refused_once(lambda who=person: force_cancel(by=who, operation=operation, reason="x"))
        assert denied.rule == "role.request"
    assert force_cancel(by=demo.pia, operation=operation, reason="It hangs.").status == "failed"


def test_force_cancel_of_what_touched_nothing_leaves_the_environment_as_it_is(demo):
    environment = ready(demo)
    operation = ask(demo, environment, "suspend")
    drain(1)
    with context(by="worker:old"):
        lifecycle.claim(holder="old", only=operation.pk)
    assert cancel(by=demo.mara, operation=operation)
    _later(operation)
    assert force_cancel(by=demo.mara, operation=operation, reason="Changed my mind.").status == "failed"
    assert Environment.objects.get(pk=environment.pk).status == "ready"
    assert not Orphan.objects.exists()


def test_a_worker_of_a_forced_operation_stops_before_its_next_write(demo):
    operation = requested(demo)
    seen = {}

    def force(change, key):
        if "thing" in seen:
            return
        seen["thing"] = change.address
        assert cancel(by=demo.mara, operation=operation)
        _later(operation)
        assert force_cancel(by=demo.mara, operation=operation, reason="Now.").status == "failed"
        with pytest.raises(LeaseLost):
            key.guard()
        key.guard()

    noop.HOOKS["before"] = force
    drain(5)
    operation.refresh_from_db()
    assert (operation.status, noop.WORLD.get(str(operation.environment_id), {})) == ("failed", {})


def _left_behind(demo):
    """A failed creation of which one thing could not be removed."""
    operation = requested(demo)
    noop.STEPS[:] = ["a", "b"]
    noop.TROUBLE["b"] = [DriverRejected("No room.")]
    noop.TROUBLE["undo a"] = [DriverRejected("It is protected.")]
    drain()
    operation.refresh_from_db()
    assert operation.status == "failed"
    return operation


def test_what_could_not_be_undone_is_removed_by_the_sweep_once_observed_to_be_gone(demo):
    operation = _left_behind(demo)
    row = Orphan.objects.get()
    assert (row.address, row.reason, row.attempts) == ("a", "It is protected.", 0)
    assert orphans.sweep() == {"removed": 1, "left": 0}
    row.refresh_from_db()
    assert (row.removed_by, row.removed_reason, row.attempts) == ("system:orphans", "Observed to be gone.", 1)
    assert noop.WORLD[str(operation.environment_id)] == {}
    assert orphans.sweep() == {"removed": 0, "left": 0}


def test_a_removal_that_fails_keeps_its_error_and_is_put_off(demo):
    _left_behind(demo)
    noop.TROUBLE["a"] = [DriverRejected("Still protected.")]
    assert orphans.sweep() == {"removed": 0, "left": 1}
    row = Orphan.objects.get()
    assert (row.last_error, row.attempts, row.removed_at, row.leased_until) == ("Still protected.", 1, None, None)
    assert row.not_before > timezone.now()
    assert orphans.sweep() == {"removed": 0, "left": 0}
    assert retry_removal(by=demo.mara, orphan=row)
    assert orphans.sweep() == {"removed": 1, "left": 0}
    assert AuditEvent.objects.filter(event="orphan.retry_asked").count() == 1


def test_what_is_of_a_living_environment_is_never_removed_by_destroying_it(demo):
    environment = ready(demo)
    operation = environment.operations.get()
    with context(by="system:test"):
        row = Orphan.objects.create(
            environment=environment, operation=operation, team=demo.payments, driver="noop", address="thing", reason="x"
        )
    assert refused_once(lambda: retry_removal(by=demo.mara, orphan=row)).rule == "orphan.removable"
    assert orphans.sweep() == {"removed": 0, "left": 0}
    assert sorted(noop.WORLD[str(environment.pk)]) == ["thing"]


def test_a_thing_removed_by_hand_is_marked_with_a_reason_by_who_may(demo):
    _left_behind(demo)
    row = Orphan.objects.get()
    assert mark_removed(by=demo.mara, orphan=row, reason="").rule == "reason.given"
    assert refused_once(lambda: mark_removed(by=demo.vera, orphan=row, reason="gone")).rule == "role.operate"
    assert mark_removed(by=demo.pia, orphan=row, reason="Deleted in the console.")
    row.refresh_from_db()
    assert (row.removed_by, row.removed_reason) == (demo.pia.audit_ref, "Deleted in the console.")
    assert refused_once(lambda: mark_removed(by=demo.mara, orphan=row, reason="again")).rule == "orphan.open"


def test_retrying_the_failed_creation_closes_the_ledger(demo):
    from provisioning.actions.control import retry

    operation = _left_behind(demo)
    assert retry(by=demo.mara, operation=operation)
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.error
    row = Orphan.objects.get()
    assert (row.removed_by, row.removed_reason) == (operation.ref, "In use again, or observed to be gone.")


def test_the_record_of_an_environment_without_driver_is_deleted_and_its_things_listed(demo):
    environment = ready(demo)
    held = quotas.held(demo.payments, "environments")
    denied = refused_once(lambda: delete_record(by=demo.ines, environment=environment, reason="x", confirm="y"))
    assert (denied.rule, denied.fix) == ("environment.unreachable", "Destroy it.")
    with context(by="system:test"):
        Environment.objects.filter(pk=environment.pk).update(driver="gone")
    wrong = refused_once(lambda: delete_record(by=demo.ines, environment=environment, reason="x", confirm="y"))
    assert wrong.fix == f"Type {environment.name}."
    assert refused_once(lambda: delete_record(by=demo.mara, environment=environment, reason="x", confirm="")).rule
    gone = delete_record(by=demo.ines, environment=environment, reason="Its cluster is off.", confirm=environment.name)
    assert gone.status == "destroyed"
    row = Orphan.objects.get()
    assert (row.address, row.driver, row.automatic) == ("thing", "gone", False)
    assert quotas.held(demo.payments, "environments") == held - 1
    assert orphans.sweep() == {"removed": 0, "left": 0}
    assert retry_removal(by=demo.ines, orphan=row)
    assert orphans.sweep() == {"removed": 0, "left": 1}
    row.refresh_from_db()
    assert row.last_error == "No driver named gone is installed on this worker."
    assert mark_removed(by=demo.ines, orphan=row, reason="The cluster was scrapped.").removed_at


def test_only_what_is_recorded_can_be_checked(demo):
    row = environment_in(demo, "requested")
    assert refused_once(lambda: check_now(by=demo.mara, environment=row)).rule == "environment.recorded"
    assert settings.BERTH.force_cancel_seconds == 60


def test_a_step_learns_that_it_was_asked_to_stop_without_asking_the_database_each_time(
    demo, django_assert_num_queries, monkeypatch
):
    operation = requested(demo)
    heard = []

    def long_step(change, key):
        heard.append(key.stopping())
        assert cancel(by=demo.mara, operation=operation)
        with django_assert_num_queries(0):
            heard.append(any(key.stopping() for _ in range(1000)))
        later = time.monotonic() + 1.01
        monkeypatch.setattr("provisioning.runs.claimed.time.monotonic", lambda: later)
        with django_assert_num_queries(1):
            heard.append(all(key.stopping() for _ in range(1000)))
        monkeypatch.undo()
        raise DriverRejected("It stopped at a safe point.")

    noop.HOOKS["before"] = long_step
    drain(3)
    operation.refresh_from_db()
    assert heard == [False, False, True]
    assert (operation.status, operation.error, noop.CALLS["undo thing"]) == ("rolled_back", "", 1)
