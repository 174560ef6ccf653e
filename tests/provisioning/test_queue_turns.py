"""Who is next: the exact order in which waiting operations are claimed, and what may be claimed at all."""

import pytest

from audit.context import context
from provisioning import lifecycle
from provisioning.models import Operation
from tests.provisioning.engine import lapse
from tests.provisioning.queued import end, environment, order, queued, take, target, team

pytestmark = pytest.mark.django_db(transaction=True)


def test_people_go_before_schedules_and_production_before_the_rest(demo):
    queued(demo, "schedule", origin="schedule", minute=0)
    queued(demo, "dev", minute=1)
    queued(demo, "prod", minute=2, tier="prod")
    assert order() == ["prod", "dev", "schedule"]


def test_teams_take_turns_whoever_asked_first_and_most(demo):
    orders, search = team(demo, "orders"), team(demo, "search")
    for n in range(4):
        queued(demo, f"payments-{n}", minute=n)
    for n in range(2):
        queued(demo, f"orders-{n}", service=orders, minute=10 + n)
    queued(demo, "search-0", service=search, minute=20)
    assert order() == ["payments-0", "orders-0", "search-0", "payments-1", "orders-1", "payments-2", "payments-3"]


def test_a_team_that_comes_back_waits_until_the_others_had_a_turn(demo):
    orders = team(demo, "orders")
    queued(demo, "payments-0")
    assert order() == ["payments-0"]
    queued(demo, "payments-1", minute=1)
    queued(demo, "orders-0", service=orders, minute=2)
    assert order() == ["orders-0", "payments-1"]


def test_a_team_with_work_under_way_goes_after_one_without(demo):
    orders = team(demo, "orders")
    for n in range(3):
        queued(demo, f"payments-{n}", minute=n)
        queued(demo, f"orders-{n}", service=orders, minute=10 + n)
    assert [take(), take()] == ["payments-0", "orders-0"]
    end("orders-0")
    assert [take(), take()] == ["orders-1", "payments-1"]


def test_teams_take_turns_in_production_and_outside_apart(demo):
    orders = team(demo, "orders")
    queued(demo, "payments-dev", minute=0)
    queued(demo, "payments-prod-0", tier="prod", minute=1)
    queued(demo, "payments-prod-1", tier="prod", minute=2)
    queued(demo, "orders-prod", service=orders, tier="prod", minute=3)
    assert order() == ["payments-prod-0", "orders-prod", "payments-prod-1", "payments-dev"]


def test_what_overtakes_goes_before_its_own_team_and_never_before_the_turn_of_others(demo):
    orders = team(demo, "orders")
    queued(demo, "payments-old", minute=0)
    for n in range(3):
        queued(demo, f"destroy-{n}", kind="destroy", overtakes=True, minute=n + 1)
    queued(demo, "orders-0", service=orders, minute=9)
    assert order() == ["destroy-0", "orders-0", "destroy-1", "destroy-2", "payments-old"]


def test_what_a_dead_worker_left_is_taken_up_first(demo):
    queued(demo, "left", origin="schedule")
    assert take() == "left"
    lapse(Operation.objects.get(reason="left"))
    queued(demo, "prod", tier="prod")
    assert take() == "left"


def test_a_schedules_operation_counts_as_a_persons_while_a_person_waits_behind_it(demo):
    place = environment(demo, "shared")
    queued(demo, "older", origin="schedule", minute=0)
    queued(demo, "in-the-way", origin="schedule", minute=1, environment=place)
    assert {take(), take()} == {"older", "in-the-way"}
    queued(demo, "person", environment=place, minute=2)
    for name in ("older", "in-the-way"):
        lapse(Operation.objects.get(reason=name))
    assert take() == "in-the-way"


def test_a_schedules_operation_whose_lock_a_person_waits_for_goes_first(demo):
    queued(demo, "older", origin="schedule", minute=0)
    holder = queued(demo, "holder", origin="schedule", minute=1)
    queued(demo, "person", minute=2, waits_for=holder, not_before="2099-01-01T00:00Z")
    assert order() == ["holder", "older"]


def test_a_person_overtakes_a_waiting_schedule_of_the_same_environment(demo):
    place = environment(demo, "shared")
    queued(demo, "schedule", origin="schedule", minute=0, environment=place, kind="suspend", overtakes=True)
    queued(demo, "person", minute=5, environment=place)
    assert order() == ["person", "schedule"]


def test_a_target_takes_no_more_at_once_than_it_may(demo):
    eu, us = target("eu-1", concurrency=2), target("us-1")
    for n in range(3):
        queued(demo, f"eu-{n}", target=eu, minute=n)
    queued(demo, "us-0", target=us, minute=9)
    assert [take() for _ in range(4)] == ["eu-0", "eu-1", "us-0", ""]
    end("eu-0")
    assert [take(), take()] == ["eu-2", ""]


def test_planning_does_not_count_against_the_limit_of_a_target(demo):
    eu = target("eu-1", concurrency=1)
    queued(demo, "running", target=eu)
    queued(demo, "new", target=eu, status="requested", queued_at=None)
    assert [take(), take()] == ["running", "new"]
    assert Operation.objects.get(reason="new").status == "planning"


def test_a_worker_claims_from_its_own_pools_only(demo, monkeypatch):
    for n, tag in enumerate(["", "eu", "us"]):
        queued(demo, f"pool-{tag or 0}", pool=tag, minute=n)
    with context(by="worker:w"):
        assert lifecycle.claim(holder="w", pools=["asia"]) is None
        found = [lifecycle.claim(holder="w", pools=["eu", "us"]) for _ in range(3)]
    assert [Operation.objects.get(pk=each.operation).reason for each in found if each] == ["pool-eu", "pool-us"]
    assert [take(), take()] == ["pool-0", ""]
