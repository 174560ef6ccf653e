"""The ledger under parallel requests, and that every way out gives a reservation back."""

import pytest

from audit.context import context
from policies import quotas
from policies.models import Quota, QuotaReservation
from policies.results import Denied
from provisioning.actions.control import cancel
from provisioning.actions.request import request_environment
from provisioning.actions.sign import reject
from provisioning.drivers.base import DriverRejected
from provisioning.models import Environment, Operation
from tests import noop
from tests.hostile import together
from tests.provisioning.engine import ask, drain, ready, requested, wanted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_world():
    noop.reset()


def limit(number: int) -> None:
    with context(by="system:test"):
        Quota.objects.update(limit=number)


def held(demo) -> int:
    return quotas.held(demo.payments, "environments")


def test_twenty_parallel_requests_with_room_for_five_make_five(demo):
    limit(5)
    answers = together(
        *[lambda n=n: request_environment(by=demo.mara, wanted=wanted(demo, name=f"a{n}")) for n in range(20)]
    )
    made = [answer for answer in answers if isinstance(answer, Operation)]
    refused = [answer for answer in answers if isinstance(answer, Denied)]
    assert (len(made), len(refused)) == (5, 15), [a for a in answers if isinstance(a, Exception)]
    assert {denied.rule for denied in refused} <= {"quota.environments", "team.environment_limit"}
    assert (held(demo), Environment.objects.count(), Operation.objects.count()) == (5, 5, 5)


def test_parallel_reservations_past_the_policy_stop_at_the_limit(demo):
    limit(5)

    def act(n):
        with context(by="system:test"):
            return quotas.reserve(team=demo.payments, metric="environments", amount=1, subject=f"environment:{n}")

    answers = together(*[lambda n=n: act(n) for n in range(20)])
    assert sum(bool(answer) for answer in answers) == 5
    assert held(demo) == 5


def test_a_denied_reservation_says_what_who_and_how(demo):
    limit(0)
    denied = quotas.check(demo.payments, "environments", 1)
    assert denied == Denied(
        rule="quota.environments",
        field="team",
        reason="Payments uses 0 of 0 environments; this needs 1 more.",
        fix="Destroy an environment that is no longer used, or ask for a higher quota.",
        who="Ines",
        status=409,
    )


def test_a_metric_without_a_quota_is_not_limited(demo):
    assert quotas.check(demo.payments, "gpus", 10**6)


def test_the_subject_holds_a_metric_once(demo):
    from django.db import IntegrityError

    with context(by="system:test"):
        assert quotas.reserve(team=demo.payments, metric="environments", amount=1, subject="environment:1")
    with pytest.raises(IntegrityError, match="reservation_held_once"), context(by="system:test"):
        quotas.reserve(team=demo.payments, metric="environments", amount=1, subject="environment:1")


def test_destroying_gives_back(demo):
    environment = ready(demo)
    assert held(demo) == 1
    ask(demo, environment, "destroy")
    assert held(demo) == 1
    drain()
    assert held(demo) == 0
    assert QuotaReservation.objects.get().released_at is not None


def test_rejecting_gives_back(demo):
    operation = requested(demo, name="api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert reject(by=demo.jonas, operation=operation, digest=operation.change_digest, reason="No")
    assert held(demo) == 0


def test_cancelling_gives_back(demo):
    operation = requested(demo)
    assert cancel(by=demo.mara, operation=operation)
    assert (held(demo), Environment.objects.get().status) == (0, "destroyed")


def test_an_undone_creation_gives_back(demo):
    noop.TROUBLE["thing"] = [DriverRejected("no")]
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert (operation.status, held(demo)) == ("rolled_back", 0)


def test_a_creation_that_policy_denies_when_planned_gives_back(demo):
    operation = requested(demo)
    with context(by="system:test"):
        type(demo.payments).objects.filter(pk=demo.payments.pk).update(cost_centre="")
    drain()
    operation.refresh_from_db()
    assert (operation.status, held(demo), Environment.objects.get().status) == ("denied", 0, "destroyed")


def test_a_creation_that_policy_stops_at_claim_gives_back(demo):
    from provisioning.runs import worker

    operation = requested(demo)
    assert worker.work()
    with context(by="system:test"):
        type(demo.payments).objects.filter(pk=demo.payments.pk).update(cost_centre="")
    drain()
    operation.refresh_from_db()
    assert (operation.status, held(demo), Environment.objects.get().status) == ("failed", 0, "destroyed")


def test_a_failed_creation_keeps_what_it_holds_until_it_is_destroyed(demo):
    noop.TROUBLE.update({"thing": [DriverRejected("no")], "undo thing": [DriverRejected("no")]})
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert (operation.status, held(demo)) == ("failed", 1)
    environment = Environment.objects.get()
    assert environment.status == "failed"
    ask(demo, environment, "destroy")
    drain()
    assert held(demo) == 0


def test_cancelling_a_retry_does_not_forget_what_was_made(demo):
    from provisioning.actions.control import retry

    noop.TROUBLE.update({"thing": [DriverRejected("no")], "undo thing": [DriverRejected("no")]})
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert retry(by=demo.mara, operation=operation)
    assert cancel(by=demo.mara, operation=operation)
    assert (Environment.objects.get().status, held(demo)) == ("failed", 1)
