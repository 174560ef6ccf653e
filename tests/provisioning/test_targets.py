"""A template that names a target is ordered for that target or not at all."""

import pytest

from audit.context import context
from policies.results import Allowed, Denied
from provisioning import targets
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Environment, Operation, Target
from tests.people import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def wanted(demo):
    with context(by="system:test"):
        version = make_version(digest="sha256:" + "7" * 64, number="7.0.0", target="eu-1")
    return Wanted(demo.api, version, "payments-api-dev", "dev", {}, reason="To try it.")


def registered(**changes):
    with context(by="system:test"):
        return Target.objects.create(**{"slug": "eu-1", "name": "Europe", "driver": "noop", **changes})


def test_the_environment_and_its_operation_get_the_target_and_its_pool(demo, wanted):
    target = registered(pool="eu")
    operation = request_environment(by=demo.mara, wanted=wanted)
    assert isinstance(operation, Operation)
    assert (operation.target, operation.pool, operation.environment.target) == (target, "eu", target)


@pytest.mark.parametrize(
    "changes", [None, {"slug": "eu-2"}, {"driver": "sandbox"}, {"retired_at": "2026-11-01T00:00Z"}]
)
def test_without_its_target_it_is_refused_and_nothing_is_made(demo, wanted, changes):
    if changes is not None:
        registered(**changes)
    answer = request_environment(by=demo.mara, wanted=wanted)
    assert isinstance(answer, Denied)
    assert (answer.rule, answer.field, answer.status) == ("target.registered", "template", 409)
    assert (Environment.objects.count(), Operation.objects.count()) == (0, 0)


def test_a_target_that_is_retired_between_check_and_write_is_missed_too(demo, wanted, monkeypatch):
    monkeypatch.setattr(targets, "usable", lambda version: Allowed())
    answer = request_environment(by=demo.mara, wanted=wanted)
    assert isinstance(answer, Denied)
    assert answer.rule == "target.registered"
    assert (Environment.objects.count(), Operation.objects.count()) == (0, 0)
