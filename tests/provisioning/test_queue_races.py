"""Four workers claim at the same moment: limits hold, each operation is claimed once, and none is left out."""

import threading
from collections import Counter

import pytest
from django.db import connection

from provisioning.models import Operation
from provisioning.runs.taking import take
from tests.provisioning.queued import named, queued, target, team

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


def claimed_at_once(times: int = 1) -> list[str]:
    """What four workers claim that start together, each `times` times; the work itself is never done."""
    start, found = threading.Barrier(WORKERS), []

    def claim() -> None:
        start.wait()
        for _ in range(times):
            taken = take()
            if taken is not None:
                found.append(taken.operation)
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [named(pk) for pk in found]


@pytest.mark.parametrize("limit", [1, 3])
def test_workers_that_race_never_exceed_the_limit_of_a_target(demo, limit):
    eu = target("eu-1", concurrency=limit)
    for n in range(8):
        queued(demo, f"eu-{n}", target=eu, minute=n)
    names = claimed_at_once(times=3)
    assert len(names) == len({*names}) == limit
    # Each worker holds one row while they count, so at most the others' rows are passed over.
    assert {*names} <= {f"eu-{n}" for n in range(limit + WORKERS - 1)}
    assert Operation.objects.filter(target=eu, status="running").count() == limit


def test_a_full_target_sends_the_others_to_the_next(demo):
    eu, us = target("eu-1", concurrency=1), target("us-1", concurrency=1)
    for n in range(4):
        queued(demo, f"eu-{n}", target=eu, minute=n)
        queued(demo, f"us-{n}", target=us, minute=n)
    queued(demo, "free", minute=30)
    names = claimed_at_once()
    # The first of a target, or the next one where another worker holds that row while it counts.
    assert sorted(name.split("-")[0] for name in names) == ["eu", "free", "us"]
    assert {*names} <= {"free", *(f"{at}-{n}" for at in ("eu", "us") for n in range(WORKERS))}


def test_workers_that_race_claim_everything_once(demo):
    for n in range(WORKERS * 3):
        queued(demo, f"op-{n}", minute=n)
    names = claimed_at_once(times=3)
    assert Counter(names) == {f"op-{n}": 1 for n in range(WORKERS * 3)}


def test_workers_that_race_serve_each_team_before_any_a_second_time(demo):
    others = [team(demo, slug) for slug in ("orders", "search", "billing")]
    for n in range(6):
        queued(demo, f"payments-{n}", minute=n)
    for n, service in enumerate(others):
        queued(demo, f"{service.team.slug}-0", service=service, minute=20 + n)
    assert sorted(claimed_at_once()) == ["billing-0", "orders-0", "payments-0", "search-0"]
