"""Two hundred cases of the table as people and programs ask for them: the pages and the API answer as the oracle."""

import random
from typing import Any

import pytest

from provisioning.models import Operation
from tests.portal.visitors import plain_static
from tests.truth import acting, axes, oracle
from tests.truth.axes import Case
from tests.truth.conftest import Begun
from tests.truth.surfaces import Pages, Programs
from tests.truth.test_truth import CASES
from tests.truth.world import World, rows

BLOCK = 20
ON_PAGES = 100
# A machine has no session, so its cases are only asked for with a token.
HUMAN = [case for case in CASES if case["requester"] != "machine"]
SAMPLE = random.Random(axes.SEED).sample(HUMAN, 180)
MACHINES = random.Random(axes.SEED).sample([case for case in CASES if case["requester"] == "machine"], BLOCK)
# Whom the owning team's operations are shown to whatever waits; the others see what asks for their signature.
INSIDERS = {"jonas", "ines", "vera", *(oracle.ASKERS[asker] for asker in (*oracle.MAY_ALL, "custom"))}


@pytest.fixture(scope="module")
def pages(shared: World) -> Pages:
    return Pages(shared)


@pytest.fixture(scope="module")
def programs(shared: World) -> Programs:
    return Programs(shared)


@pytest.mark.parametrize("start", range(0, ON_PAGES, BLOCK))
def test_truth_the_pages_answer_as_the_oracle(shared: World, begun: Begun, pages: Pages, settings: Any, start: int):
    plain_static(settings)
    wrong = [_wrong(shared, begun, pages, case) for case in SAMPLE[start : start + BLOCK]]
    assert not any(wrong), "\n".join(text for text in wrong if text)


@pytest.mark.parametrize("start", range(ON_PAGES, 200, BLOCK))
def test_truth_the_api_answers_as_the_oracle(shared: World, begun: Begun, programs: Programs, start: int):
    cases = [*SAMPLE, *MACHINES][start : start + BLOCK]
    wrong = [_wrong(shared, begun, programs, case) for case in cases]
    assert not any(wrong), "\n".join(text for text in wrong if text)


def _wrong(shared: World, begun: Begun, surface: Pages | Programs, case: Case) -> str:
    """What differs from the oracle, or nothing."""
    wanted, outcome = oracle.seen(case, on_pages=isinstance(surface, Pages)), oracle.expected(case)
    with begun(case) as environment:
        answer, pk = surface.ask(case, environment, wanted)
        if answer != wanted:
            return f"{axes.name_of(case)}\n  is     {answer}\n  should {wanted}"
        if pk is None:
            assert rows() == shared.rows, "the refusal left something"
            return ""
        operation = Operation.objects.get(pk=pk)
        acting.planned(operation)
        got = acting.standing(operation, _attempts(surface, case, operation, outcome))
    return "" if got == outcome else f"{axes.name_of(case)}\n  is     {got}\n  should {outcome}"


def _attempts(surface: Pages | Programs, case: Case, operation: Operation, outcome: oracle.Outcome) -> tuple[str, ...]:
    """What the signers are told; to whom the operation is not shown, it looks as if there were none."""
    told = []
    for (who, how), should in zip(oracle.ACTS[case["approvers"]], outcome.attempts, strict=True):
        name = oracle.ASKERS[case["requester"]] if who == "requester" else who
        if name == "payments-bot":
            told.append(should)
            continue
        found = acting.fresh(operation)
        # What is not planned yet has no digest that could be signed.
        digest = acting.STALE if how == "stale" else found.change_digest or acting.STALE
        said = surface.decide(name, found, digest, how)
        hidden = said == "request.found" and name not in INSIDERS and should not in ("signed", "rejected")
        told.append(should if hidden else said)
    return tuple(told)
