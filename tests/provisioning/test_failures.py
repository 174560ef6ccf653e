"""What is promised of failures F1 (provision), F6 (partial upgrade) and F8 (promotions in parallel), by the engine."""

from datetime import datetime

import pytest

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from delivery.actions import deploy, promote, register_release
from provisioning.actions.control import retry
from provisioning.drivers.base import DriverRejected, DriverUnavailable, Health
from provisioning.models import Environment, Operation, Orphan, ResourceLock
from provisioning.runs import worker
from provisioning.waiting import waiting
from tests import noop
from tests.hostile import together
from tests.provisioning.engine import ask, drain, lapse, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)
ABC = ["a", "b", "c", "d"]


def _order(monkeypatch):
    """Every apply and undo, in the order in which they were called."""
    called = []
    real = type(noop.CALLS).__setitem__

    class Watched(type(noop.CALLS)):
        def __setitem__(self, name, count):
            called.append(name)
            real(self, name, count)

    monkeypatch.setattr(noop, "CALLS", Watched())
    return called


def _hurry():
    """Nobody waits for the next try."""
    with context(by="system:test"):
        Operation.objects.update(not_before=None)


def test_f1_a_failed_creation_is_undone_in_exact_reverse_order_and_orphans_nothing(demo, monkeypatch):
    called = _order(monkeypatch)
    noop.STEPS[:] = ABC
    operation = requested(demo)
    noop.TROUBLE["c"] = [DriverRejected("The quota of the cluster is used up.")]
    drain()
    operation.refresh_from_db()
    assert called == ["apply a", "apply b", "apply c", "undo c", "undo b", "undo a"]
    assert (operation.status, operation.attempts, operation.failed_step) == ("rolled_back", 2, "c")
    assert operation.error == "The quota of the cluster is used up."
    assert [(s.name, s.status) for s in operation.steps.all()] == [
        ("a", "undone"),
        ("b", "undone"),
        ("c", "undone"),
        ("d", "pending"),
    ]
    assert operation.steps.get(name="c").detail == "The quota of the cluster is used up."
    assert (noop.WORLD[str(operation.environment_id)], Orphan.objects.count()) == ({}, 0)
    assert Environment.objects.get(pk=operation.environment_id).status == "destroyed"


def test_f1_what_cannot_be_undone_is_listed_and_everything_else_is_undone_still(demo, monkeypatch):
    called = _order(monkeypatch)
    noop.STEPS[:] = ABC
    operation = requested(demo)
    noop.TROUBLE["d"] = [DriverRejected("No.")]
    noop.TROUBLE["undo b"] = [DriverRejected("b is protected.")]
    drain()
    operation.refresh_from_db()
    assert called[-4:] == ["undo d", "undo c", "undo b", "undo a"]
    assert (operation.status, operation.environment.status) == ("failed", "failed")
    assert list(Orphan.objects.values_list("address", "reason")) == [("b", "b is protected.")]


def test_f1_the_same_order_is_kept_when_the_target_is_away_while_undoing(demo, monkeypatch):
    called = _order(monkeypatch)
    noop.STEPS[:] = ABC
    operation = requested(demo)
    noop.TROUBLE["d"] = [DriverRejected("No.")]
    noop.TROUBLE["undo b"] = [DriverUnavailable("Away.")]
    drain(2)
    _hurry()
    drain()
    assert called[4:] == ["undo d", "undo c", "undo b", "undo b", "undo a"]
    assert Operation.objects.get(pk=operation.pk).status == "rolled_back"


def test_a_retry_begins_at_the_failed_step_and_repeats_nothing(demo):
    noop.STEPS[:] = ABC
    environment = ready(demo)
    operation = ask(demo, environment, "destroy")
    noop.CALLS.clear()
    noop.TROUBLE["c"] = [DriverRejected("c is in use.")]
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.failed_step, operation.environment.status) == ("failed", "c", "failed")
    assert dict(noop.CALLS) == {"apply a": 1, "apply b": 1, "apply c": 1}
    assert retry(by=demo.mara, operation=operation)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.error, operation.failed_step) == ("succeeded", "", "")
    assert dict(noop.CALLS) == {"apply a": 1, "apply b": 1, "apply c": 2, "apply d": 1}
    assert noop.WORLD[str(environment.pk)] == {}


def _released(demo):
    """An environment that runs release 1, and release 2."""
    environment = ready(demo)
    one, two = (register_release(by=demo.mara, service=demo.api, version=v, artifact={}) for v in ("1", "2"))
    assert deploy(by=demo.mara, environment=environment, release=one)
    drain()
    return Environment.objects.get(pk=environment.pk), two


def _mixed(times):
    """Health that says mixed so often, then healthy."""
    left = [times]

    def health(spec):
        left[0] -= 1
        version = spec.release.version if spec.release else ""
        if left[0] >= 0:
            return Health("mixed", "1 and 2 run side by side.", ("1", "2"))
        return Health("healthy", "", (version,))

    return health


def test_f6_mixed_versions_are_noticed_and_healed_by_trying_again(demo):
    environment, two = _released(demo)
    noop.HOOKS["health"] = _mixed(2)
    operation = deploy(by=demo.mara, environment=environment, release=two)
    for _ in range(5):
        drain()
        _hurry()
    operation.refresh_from_db()
    environment.refresh_from_db()
    assert (operation.status, environment.release["version"]) == ("succeeded", "2"), operation.error
    assert (operation.healing["tries"], operation.healing["by"]) == (2, "retry")
    assert operation.healing["releases"] == ["1", "2"]
    assert (environment.health["status"], environment.health["releases"]) == ("healthy", ["2"])
    assert AuditEvent.objects.filter(event="operation.mixed", object=operation.ref).count() == 2
    assert OutboxEvent.objects.filter(topic="environment.mixed", object=environment.ref).count() == 1


def test_f6_mixed_versions_that_stay_are_rolled_back_and_the_time_is_recorded(demo):
    environment, two = _released(demo)
    noop.HOOKS["health"] = _mixed(99)
    operation = deploy(by=demo.mara, environment=environment, release=two)
    for _ in range(6):
        drain()
        _hurry()
    operation.refresh_from_db()
    environment.refresh_from_db()
    assert (operation.status, environment.status) == ("rolled_back", "ready")
    assert operation.error == "1 and 2 run side by side. Trying again 3 times did not mend it."
    assert (environment.release["version"], noop.WORLD[str(environment.pk)]["thing"]["release"]) == ("1", "1")
    healing = operation.healing
    began, ended = (datetime.fromisoformat(healing[name]) for name in ("found_at", "ended_at"))
    assert (healing["by"], healing["tries"]) == ("rollback", 3)
    assert healing["seconds"] == round((ended - began).total_seconds(), 3)
    event = AuditEvent.objects.get(event="operation.healed", object=operation.ref)
    assert event.data == {"by": "rollback", "seconds": healing["seconds"], "releases": ["1", "2"]}


def test_f6_a_worker_that_dies_half_way_is_noticed_by_the_next_and_the_rest_arrives(demo):
    noop.STEPS[:] = ["a", "b"]
    environment, two = _released(demo)
    operation = deploy(by=demo.mara, environment=environment, release=two)
    drain(1)
    noop.HOOKS["before"] = _die_at("b", operation)
    worker.work()
    assert [noop.WORLD[str(environment.pk)][s]["release"] for s in "ab"] == ["2", "1"]
    noop.HOOKS["health"] = _by_release
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.healing["by"], operation.healing["releases"]) == (
        "succeeded",
        "retry",
        ["1", "2"],
    )
    assert [noop.WORLD[str(environment.pk)][s]["release"] for s in "ab"] == ["2", "2"]


def _die_at(address, operation):
    def die(change, key):
        if change.address == address and noop.CALLS[f"apply {address}"] == 3:
            lapse(operation)
            key.guard()

    return die


def _by_release(spec):
    found = tuple(sorted({state["release"] for state in noop.WORLD[spec.id].values()}))
    return Health("mixed" if len(found) > 1 else "healthy", "", found)


def test_f8_promotions_of_one_service_wait_for_each_other_with_the_reason(demo):
    dev, test, stage = (ready(demo, name=f"payments-api-{t}", tier=t) for t in ("dev", "test", "stage"))
    release = register_release(by=demo.mara, service=demo.api, version="1", artifact={})
    assert deploy(by=demo.mara, environment=dev, release=release)
    drain()
    first = promote(by=demo.mara, environment=Environment.objects.get(pk=test.pk), release=release)
    second = promote(by=demo.mara, environment=Environment.objects.get(pk=stage.pk), release=release)
    drain(2)
    seen = []

    def meanwhile(change, key):
        if not seen:
            seen.append(ResourceLock.objects.get().operation_id)
            other = first if seen[0] == second.pk else second
            assert worker.work(other.pk)
            other.refresh_from_db()
            seen.append((other.status, other.blocked))

    noop.HOOKS["before"] = meanwhile
    drain(1)
    holder = Operation.objects.get(pk=seen[0])
    said = f"It waits for promote {holder.short_id}, which holds pipeline:{demo.api.pk}."
    assert seen[1] == ("queued", said)
    _hurry()
    drain()
    for operation in (first, second):
        operation.refresh_from_db()
    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert not ResourceLock.objects.exists()


def test_f8_of_two_promotions_to_one_environment_at_once_one_runs_and_the_other_says_what_it_waits_for(demo):
    dev, test = ready(demo), ready(demo, name="payments-api-test", tier="test")
    release = register_release(by=demo.mara, service=demo.api, version="1", artifact={})
    assert deploy(by=demo.mara, environment=dev, release=release)
    drain()
    test.refresh_from_db()
    asked = together(*[lambda: promote(by=demo.mara, environment=test, release=release)] * 2)
    assert [answer.status for answer in asked] == ["requested", "requested"]
    drain(2)
    seen = []

    def meanwhile(change, key):
        if not seen:
            running = Operation.objects.get(environment=test, status="running")
            (other,) = Operation.objects.filter(environment=test, kind="promote").exclude(pk=running.pk)
            seen.extend([running, other, worker.work(other.pk), waiting(other).reason])

    noop.HOOKS["before"] = meanwhile
    drain()
    running, other, taken, reason = seen
    assert (taken, reason) == (False, f"waiting for promote {running.short_id} on the same environment")
    for operation in (running, other):
        operation.refresh_from_db()
    assert (running.status, other.status, other.error) == (
        "succeeded",
        "failed",
        "payments-api-test runs 1 already.",
    )
