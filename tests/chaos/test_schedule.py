"""The schedule of faults comes from the seed alone, has every kind, and never one kind twice at a moment."""

from collections import Counter

import pytest

from tests.chaos.__main__ import held
from tests.chaos.schedule import KINDS, LASTS, schedule

GOOD = {
    "faults": 10,
    "faults_effective": 8,
    "operations": 30,
    "lost": 0,
    "doubled": 0,
    "orphaned": 0,
    "stuck": 0,
    "max_recovery_s": 60.0,
}


def kinds_of(seed, count):
    return [fault.kind for burst in schedule(seed, count) for fault in burst.faults]


def test_a_seed_gives_the_same_schedule_every_time_and_another_one_another():
    assert schedule(1, 500) == schedule(1, 500)
    assert schedule(1, 500) != schedule(2, 500)
    assert kinds_of(7, 3)[:3] == kinds_of(7, 3)


@pytest.mark.parametrize("count", [1, 25, 500])
def test_there_are_as_many_faults_as_asked_for(count):
    assert len(kinds_of(1, count)) == count


def test_every_kind_comes_in_its_share():
    deal = sum(KINDS.values())
    found = Counter(kinds_of(1, 10 * deal))
    assert all(abs(found[kind] - 10 * times) <= 1 for kind, times in KINDS.items())
    assert set(KINDS) == set(LASTS)


def test_a_burst_has_one_to_three_kinds_each_once():
    bursts = schedule(3, 500)
    assert {len(burst.faults) for burst in bursts} == {1, 2, 3}
    assert all(len({fault.kind for fault in burst.faults}) == len(burst.faults) for burst in bursts)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lost", 1), ("doubled", 1), ("orphaned", 1), ("stuck", 1), ("faults_effective", 7), ("max_recovery_s", 60.1)],
)
def test_a_run_holds_only_without_any_finding(name, value):
    assert held(GOOD) is True
    assert held({**GOOD, name: value}) is False
