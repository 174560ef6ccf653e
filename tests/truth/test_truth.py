"""What becomes of a request, for two thousand cases: the product's own actions against an oracle of the prose."""

import ast
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from tests.truth import acting, axes, oracle, oracle_signers, oracle_things
from tests.truth.axes import AXES
from tests.truth.conftest import Begun
from tests.truth.world import World

CASES = axes.table(lambda one, other: oracle.expected(one) != oracle.expected(other))
BLOCK = 40
# None of the standard library's that could bring the product in by its name.
KNOWN = {"collections.abc", "itertools", "random", "typing", "tests.truth.oracle_things", "tests.truth.oracle_signers"}


def test_truth_the_oracle_and_the_axes_import_nothing_but_the_standard_library() -> None:
    for module in (oracle, oracle_things, oracle_signers, axes):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert nodes
        for node in nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert getattr(node, "level", 0) == 0
            assert set(names) <= KNOWN, (module, names)
        assert not {"__import__", "eval", "exec"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def test_truth_every_pair_of_values_of_two_axes_occurs() -> None:
    assert len({tuple(case.items()) for case in CASES}) == len(CASES) >= 2000
    assert all(tuple(case) == tuple(AXES) and case[axis] in AXES[axis] for case in CASES for axis in AXES)
    found = {pair for case in CASES for pair in axes.pairs_of(case)}
    wanted = sum(len(AXES[one]) * len(AXES[other]) for one, other in combinations(AXES, 2))
    assert len(found) == wanted
    assert found == axes.every_pair()


def test_truth_the_table_is_the_same_at_every_run() -> None:
    assert axes.table(lambda one, other: oracle.expected(one) != oracle.expected(other)) == CASES


@pytest.mark.parametrize("axis", AXES)
def test_truth_an_axis_alone_flips_fifty_outcomes(axis: str) -> None:
    """Among the cases of the table, which the product is asked about: they differ in this axis and in the outcome."""
    alike = defaultdict(list)
    for case in CASES:
        alike[tuple(value for name, value in case.items() if name != axis)].append(oracle.expected(case))
    flips = sum(one != other for outcomes in alike.values() for one, other in combinations(outcomes, 2))
    assert flips >= 50, flips


@pytest.mark.parametrize("start", range(0, len(CASES), BLOCK))
def test_truth_each_case_ends_as_the_prose_says(shared: World, begun: Begun, start: int) -> None:
    wrong = []
    for number, case in enumerate(CASES[start : start + BLOCK], start):
        with begun(case) as environment:
            got = acting.outcome_of(shared, case, environment)
        if got != oracle.expected(case):
            wrong.append(f"{number}: {axes.name_of(case)}\n  is     {got}\n  should {oracle.expected(case)}")
    assert not wrong, f"{len(wrong)} cases:\n" + "\n".join(wrong[:10])
