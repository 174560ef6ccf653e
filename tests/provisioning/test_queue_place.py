"""What a person reads who waits: position, the true reason, and how long it usually takes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import context
from observability.waiting import ordinal, place_in_queue, seconds_in_words
from provisioning import lifecycle, presence
from provisioning.models import Breaker, Operation, Pool, ResourceLock
from tests.provisioning.queued import environment, named, queued, take, target, team

pytestmark = pytest.mark.django_db(transaction=True)


def ended(demo, name: str, seconds: int, **fields) -> None:
    """One that took so long, yesterday."""
    at = timezone.now() - timedelta(days=1)
    queued(demo, name, status="succeeded", started_at=at, finished_at=at + timedelta(seconds=seconds), **fields)


def place(name: str):
    return place_in_queue(Operation.objects.get(reason=name))


def test_the_place_is_the_order_in_which_workers_claim(demo):
    orders = team(demo, "orders")
    queued(demo, "schedule", origin="schedule", minute=0)
    for n in range(3):
        queued(demo, f"payments-{n}", minute=n)
    queued(demo, "orders-0", service=orders, minute=9)
    queued(demo, "prod", service=team(demo, "billing"), tier="prod", minute=10)
    names = {place(name).position: name for name in Operation.objects.values_list("reason", flat=True)}
    taken = [names[n] for n in range(1, 7)]
    assert taken == ["prod", "payments-0", "orders-0", "payments-1", "payments-2", "schedule"]
    assert [take() for _ in range(6)] == taken


def test_a_lock_that_stands_in_the_way_is_named_with_its_usual_time(demo):
    ended(demo, "before", 40, kind="deploy")
    holder = queued(demo, "holder", kind="deploy")
    assert take() == "holder"
    with context(by="worker:w"):
        ResourceLock.objects.create(key="database:shared", operation=holder, fence=1)
    queued(demo, "first", minute=1)
    waits = queued(demo, "second", minute=2, waits_for=holder)
    found = place_in_queue(waits)
    assert found.words == f"2nd of 2, waiting for a lock held by {holder.short_id}, usually 40 s"
    assert (found.holder.pk, 35 < found.starts_in_seconds <= 40) == (holder.pk, True)


def test_an_operation_of_the_same_environment_is_named(demo):
    shared = environment(demo, "shared")
    first = queued(demo, "first", environment=shared)
    assert take() == "first"
    queued(demo, "second", environment=shared, minute=1)
    assert place("second").reason == f"waiting for update {first.short_id} on the same environment"


def test_the_estimate_is_the_usual_time_of_what_is_ahead(demo):
    for n, seconds in enumerate([10, 20, 60]):
        ended(demo, f"before-{n}", seconds)
    for n in range(4):
        queued(demo, f"op-{n}", minute=n)
    found = place("op-3")
    assert (found.position, found.length, found.usual_seconds, found.starts_in_seconds) == (4, 4, 20.0, 60.0)
    assert found.words.endswith("then teams in turn, usually 20 s")


def test_nothing_is_promised_where_nothing_is_known(demo):
    queued(demo, "first")
    queued(demo, "second", minute=1)
    found = place("second")
    assert (found.usual_seconds, found.starts_in_seconds) == (None, None)
    assert found.words == "2nd of 2, 1 before it; people go before schedules, production first, then teams in turn"


def test_a_target_that_does_not_answer_is_the_reason(demo):
    eu, at = target("eu-1"), timezone.now().replace(hour=14, minute=2, second=0)
    queued(demo, "waits", target=eu)
    Breaker.objects.create(driver="noop", target=eu, failures=5, opened_at=at, probe_at=at + timedelta(days=1))
    assert place("waits").reason == ("target eu-1 has not answered since 14:02:00 UTC; the next try is at 14:02:00")


def test_a_full_target_is_the_reason(demo):
    eu = target("eu-1", concurrency=1)
    for n in range(2):
        queued(demo, f"eu-{n}", target=eu, minute=n)
    assert take() == "eu-0"
    assert place("eu-1").reason == "target eu-1 works on 1 of at most 1 operations"


def test_a_pool_without_a_worker_is_the_reason(demo):
    queued(demo, "never", pool="eu")
    assert place("never").reason == "no worker serves pool eu; none ever has"
    Pool.objects.create(tag="eu", seen_at=timezone.now())
    assert place("never").reason == "the next free worker takes it"
    at = timezone.now() - timedelta(minutes=5)
    Pool.objects.update(seen_at=at)
    assert place("never").reason == f"no worker serves pool eu since {at:%H:%M:%S} UTC"
    with context(by="worker:w"):
        assert lifecycle.claim(holder="w", pools=["eu"]) is not None
    queued(demo, "behind", pool="eu", minute=1)
    assert place("behind").reason == "the next free worker takes it"


def test_a_worker_tells_its_pools_while_it_looks_for_work(demo, settings, monkeypatch):
    monkeypatch.setattr(presence, "_told", {})
    settings.BERTH = settings.BERTH.__class__(**{**vars(settings.BERTH), "pools": ("eu", "us")})
    assert take() == ""
    presence.tell()
    assert presence.served() == ["eu", "us"]


def test_each_pool_has_a_line_of_its_own(demo):
    queued(demo, "far", pool="eu", minute=0)
    queued(demo, "near", minute=1)
    assert [(place(n).position, place(n).length) for n in ("far", "near")] == [(1, 1), (1, 1)]


def test_the_place_among_many_takes_as_many_queries_as_among_few(demo):
    queued(demo, "first")
    with CaptureQueriesContext(connection) as few:
        place("first")
    shared = environment(demo, "shared")
    for n in range(60):
        queued(demo, f"op-{n}", environment=shared, minute=n + 1)
    with CaptureQueriesContext(connection) as many:
        assert place("op-59").position == 61
    assert len(many) == len(few)


def test_numbers_are_said_as_people_say_them():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd")
    ]
    assert [seconds_in_words(s) for s in (0.4, 40, 130, 7200)] == ["under 1 s", "40 s", "2 min", "2 h"]


def test_a_claimed_operation_has_no_place(demo):
    operation = queued(demo, "first")
    assert take() == "first"
    assert place_in_queue(Operation.objects.get(pk=operation.pk)) is None
    assert named(operation.pk) == "first"
