"""A target that does not answer is left alone, probed by one operation at a time, and trusted again when it answers."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from provisioning import breaker, lifecycle
from provisioning.drivers.base import DriverUnavailable
from provisioning.models import Breaker, Environment, Operation
from provisioning.runs import worker
from tests import noop
from tests.people import Demo
from tests.provisioning.engine import requested
from tests.provisioning.queued import environment, queued, take, target
from tests.provisioning.test_queue_races import claimed_at_once

pytestmark = pytest.mark.django_db(transaction=True)
LATER = datetime(2099, 1, 1, tzinfo=timezone.get_fixed_timezone(0))


def away(times: int = 99) -> None:
    """Nothing of the test driver answers for so many steps."""
    noop.TROUBLE["thing"] = [DriverUnavailable("No route to eu-1.")] * times


def at_once(operation: Operation) -> None:
    """As if the time until the next try of the operation were over."""
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(not_before=None)


def probe_due() -> None:
    """As if the time until the next probe were over."""
    Breaker.objects.update(probe_at=timezone.now() - timedelta(seconds=1))


def broken(demo: Demo) -> Operation:
    """An operation that was tried until the breaker opened."""
    away()
    operation = requested(demo, name="first")
    assert worker.work(operation.pk)
    for _ in range(breaker.OPENS_AFTER):
        at_once(operation)
        assert worker.work(operation.pk)
    at_once(operation)
    return Operation.objects.get(pk=operation.pk)


def events(word: str) -> int:
    return AuditEvent.objects.filter(event=f"breaker.{word}", object="driver:noop").count()


def test_it_opens_at_the_fifth_failure_in_a_row_and_says_why(demo):
    state = breaker.state_for(broken(demo))
    assert (state.word, state.failures, state.reason) == ("open", 5, "No route to eu-1.")
    assert 0 < (state.probe_at - timezone.now()).total_seconds() <= breaker.FIRST_SECONDS
    assert events("opened") == 1


def test_fewer_failures_than_five_stop_nothing(demo):
    away(4)
    operation = requested(demo)
    for _ in range(6):
        at_once(operation)
        worker.work(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, Breaker.objects.get().failures) == ("succeeded", 0)
    assert (events("opened"), events("closed")) == (0, 0)


def test_while_it_is_open_nothing_of_the_target_is_taken_and_other_targets_go_on(demo):
    broken(demo)
    queued(demo, "same-place")
    queued(demo, "elsewhere", target=target("us-1"))
    assert [take(), take()] == ["elsewhere", ""]


def test_a_registered_target_and_the_drivers_own_place_have_a_breaker_each(demo):
    eu = target("eu-1")
    queued(demo, "eu", target=eu)
    queued(demo, "own", minute=1)
    Breaker.objects.create(driver="noop", target=eu, failures=5, opened_at=timezone.now(), probe_at=LATER)
    assert [take(), take()] == ["own", ""]
    Breaker.objects.update(target=None)
    assert take() == "eu"


def test_one_operation_probes_and_the_rest_wait_for_its_answer(demo):
    operation = broken(demo)
    queued(demo, "second", minute=1)
    probe_due()
    assert breaker.state_for(operation).word == "half-open"
    with context(by="worker:w"):
        lease = lifecycle.claim(holder="w")
    assert (take(), breaker.state_for(operation).probe) == ("", lease.operation)


def test_a_probe_that_fails_opens_it_for_longer(demo):
    operation = broken(demo)
    probe_due()
    assert worker.work(operation.pk)
    state = breaker.state_for(operation)
    assert (state.word, state.failures, state.probe) == ("open", 6, None)
    assert 1.5 * breaker.FIRST_SECONDS < (state.probe_at - timezone.now()).total_seconds() < breaker.CAP_SECONDS
    assert (events("opened"), events("probe_failed")) == (1, 1)


def test_a_probe_that_succeeds_closes_it_and_what_was_put_off_goes_on_at_once(demo):
    operation = broken(demo)
    other = queued(demo, "second", not_before=LATER, target=None)
    noop.TROUBLE.clear()
    probe_due()
    assert worker.work(operation.pk)
    operation.refresh_from_db()
    other.refresh_from_db()
    assert (operation.status, breaker.state_for(operation).word, other.not_before) == ("succeeded", "closed", None)
    assert (events("opened"), events("closed")) == (1, 1)


def test_a_probe_whose_worker_dies_is_followed_by_another(demo):
    broken(demo)
    queued(demo, "second", minute=1)
    probe_due()
    assert take() == "first"
    assert take() == ""
    probe_due()
    assert take() == "second"


def test_a_probe_that_never_asks_the_target_leaves_the_turn_to_the_next(demo):
    operation = broken(demo)
    place = environment(demo, "gone", tier="prod")
    stale = queued(demo, "stale", environment=place)
    with context(by="system:test"):
        Environment.objects.filter(pk=place.pk).update(status="failed")
    probe_due()
    assert worker.work(stale.pk)
    assert Operation.objects.get(pk=stale.pk).error == "gone is Failed; update needs Running."
    assert (breaker.state_for(operation).word, take()) == ("half-open", "first")


def test_two_workers_that_race_send_one_probe(demo):
    broken(demo)
    for n in range(3):
        queued(demo, f"op-{n}", minute=n)
    probe_due()
    assert len(claimed_at_once()) == 1
