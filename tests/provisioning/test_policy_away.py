"""When the rules cannot be asked: a request is refused, and an operation that waits already goes on waiting."""

import pytest

from policies import engine
from policies.pool import EvaluatorError, Pool
from policies.results import Denied
from provisioning.actions.request import request_environment
from provisioning.actions.sign import approve
from provisioning.models import Environment, Operation
from tests.provisioning.engine import drain, requested, wanted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def away(monkeypatch):
    """From now on every question fails, until it is undone."""

    def fail(self, payload):
        raise EvaluatorError("The evaluation did not end within 500 ms.")

    def now():
        monkeypatch.setattr(Pool, "ask", fail)

    return now


@pytest.fixture(autouse=True)
def again(monkeypatch):
    """No pause between tries."""
    monkeypatch.setattr("provisioning.runs.backoff.delay", lambda attempt: 0.0)


def test_a_request_is_refused_and_nothing_is_made(demo, away):
    away()
    refused = request_environment(by=demo.mara, wanted=wanted(demo))
    assert isinstance(refused, Denied)
    assert refused.rule == engine.ENGINE
    assert (Operation.objects.count(), Environment.objects.count()) == (0, 0)


@pytest.mark.parametrize("tries", [1, 20])
def test_an_operation_that_shall_be_planned_waits_and_is_planned_later(demo, away, monkeypatch, tries):
    operation = requested(demo)
    away()
    assert drain(tries) == tries
    operation.refresh_from_db()
    assert operation.status == "requested"
    assert "The policy check could not be done" in operation.blocked
    monkeypatch.undo()
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded"


def test_an_operation_that_shall_begin_waits_with_its_signatures_and_begins_later(demo, away, monkeypatch):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    away()
    assert drain(3) == 3
    operation.refresh_from_db()
    assert (operation.status, operation.plan_locked_at) == ("queued", None)
    assert "The policy check could not be done" in operation.blocked
    monkeypatch.undo()
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded"
