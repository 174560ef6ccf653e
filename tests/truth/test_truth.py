"""What becomes of a request, for two thousand cases: the product's own actions against an oracle of the prose."""

import ast
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from tests.truth import acting, axes, oracle, setting, world
from tests.truth.axes import AXES, Case

CASES = axes.table(lambda one, other: oracle.expected(one) != oracle.expected(other))
BLOCK = 100
BLOCKS = [CASES[start : start + BLOCK] for start in range(0, len(CASES), BLOCK)]


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[world.World]:
    """One world for the whole table, in a transaction that never ends well; its clock stands still for leases."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(django_settings, "BERTH", replace(django_settings.BERTH, lease_seconds=86400))
        yield world.make()
        transaction.set_rollback(True)


def became(shared: world.World, case: Case) -> oracle.Outcome:
    """What became of one case; whatever it did is undone."""
    with transaction.atomic():
        with setting.set_up(shared, case) as environment:
            acting.override(shared, case, environment)
            outcome = acting.outcome_of(shared, case, environment)
        transaction.set_rollback(True)
    return outcome


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_truth_each_case_ends_as_the_prose_says(shared: world.World, block: int) -> None:
    wrong = []
    for case in BLOCKS[block]:
        got, wanted = became(shared, case), oracle.expected(case)
        if got != wanted:
            wrong.append(f"{axes.name_of(case)}\n  is     {got}\n  should {wanted}")
    assert not wrong, f"{len(wrong)} cases:\n" + "\n".join(wrong[:10])
