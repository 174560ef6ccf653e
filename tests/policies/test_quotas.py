"""The ledger under parallel requests, and that every way out gives a reservation back."""

from decimal import Decimal

import pytest

from audit.context import context
from policies import quotas
from policies.models import Quota, QuotaReservation
from policies.places import Place
from policies.quotas import Wants
from policies.results import Denied
from provisioning.actions.control import cancel
from provisioning.actions.request import request_environment
from provisioning.actions.sign import reject
from provisioning.drivers.base import DriverRejected
from provisioning.models import Environment, Operation
from tests import noop
from tests.hostile import sqlstate, together
from tests.provisioning.engine import ask, drain, ready, requested, wanted

pytestmark = pytest.mark.django_db(transaction=True)


def limit(number: int) -> None:
    with context(by="system:test"):
        Quota.objects.update(limit=number)


def one(demo, subject: str, **amounts: int) -> Wants:
    needs = {name: Decimal(amount) for name, amount in (amounts or {"environments": 1}).items()}
    return Wants(Place(demo.payments, demo.api, "dev"), subject, needs, "EUR")


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
    assert {denied.rule for denied in refused} == {"quota.environments"}
    assert (held(demo), Environment.objects.count(), Operation.objects.count()) == (5, 5, 5)


def test_parallel_reservations_past_the_policy_stop_at_the_limit(demo):
    limit(5)

    def act(n):
        with context(by="system:test"):
            return quotas.hold(one(demo, f"environment:{n}"))

    answers = together(*[lambda n=n: act(n) for n in range(20)])
    assert sum(answer == [] for answer in answers) == 5
    assert held(demo) == 5


def test_a_metric_without_a_quota_is_not_limited(demo):
    assert quotas.shortages(one(demo, "", gpus=10**6)) == []


def test_money_in_another_currency_is_no_use_of_a_quota(demo):
    place = Place(demo.payments, demo.api, "dev")
    with context(by="system:test"):
        Quota.objects.create(team=demo.payments, metric="cost_month", limit=100, currency="EUR")
        quotas.settle(Wants(place, "environment:1", {"cost_month": Decimal(7)}, "SEK"))
        quotas.settle(Wants(place, "environment:2", {"cost_month": Decimal(5)}, "EUR"))
    assert {use.metric: use.used for use in quotas.usage(demo.payments)} == {"cost_month": 5, "environments": 0}


def test_the_subject_holds_a_metric_once(demo):
    with context(by="system:test"):
        assert quotas.hold(one(demo, "environment:1")) == []
        assert quotas.hold(one(demo, "environment:1")) == []
    assert held(demo) == 1


def test_a_row_of_the_ledger_is_released_once_and_never_changed(demo):
    with context(by="system:test"):
        assert quotas.hold(one(demo, "environment:1")) == []
    assert sqlstate("UPDATE policies_quotareservation SET amount = 2") == "42501"
    with context(by="system:test"):
        assert (quotas.release(subject="environment:1"), quotas.release(subject="environment:1")) == (1, 0)
    assert sqlstate("UPDATE policies_quotareservation SET released_at = now()") == "42501"


def test_destroying_gives_back(demo):
    environment = ready(demo)
    assert held(demo) == 1
    ask(demo, environment, "destroy")
    assert held(demo) == 1
    drain()
    assert held(demo) == 0
    assert not QuotaReservation.objects.filter(released_at=None).exists()


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
