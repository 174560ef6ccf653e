"""The ledger follows what environments are and may become: every scope, every way out, exactly once."""

from decimal import Decimal

import pytest

from audit.context import context
from policies import quotas
from policies.models import ApprovalRule, Organisation, Quota, QuotaReservation, Service
from policies.results import Denied
from provisioning import holdings
from provisioning.actions.change import Ask, submit
from provisioning.actions.control import cancel, retry
from provisioning.actions.request import request_environment
from provisioning.actions.sign import reject
from provisioning.drivers.base import DriverRejected
from provisioning.models import Environment, Operation
from tests import noop
from tests.people import SCHEMA, make_version
from tests.provisioning.engine import ask, drain, ready, requested, wanted

pytestmark = pytest.mark.django_db
worked = pytest.mark.django_db(transaction=True)

SIZE = {**SCHEMA["properties"]["size"], "quota": {"vcpu": {"S": 1, "M": 2, "L": 4}}}
PRICE = {
    "currency": "EUR",
    "book": "2026-11",
    "base": {"running": "0.05", "suspended": "0.01"},
    "additions": {"size": {"M": {"running": "0.05", "suspended": "0"}, "L": {"running": "0.15", "suspended": "0"}}},
}
GROW = {"parameters": {"size": "L"}}


@pytest.fixture
def sized(demo):
    """The template counts vCPU: one, two or four."""
    with context(by="system:test"):
        demo.version = make_version(
            digest="sha256:" + "b" * 64,
            number="2.0.0",
            parameters={**SCHEMA, "properties": {**SCHEMA["properties"], "size": SIZE}},
            price=PRICE,
        )
    return demo


def limit(metric: str, most: str, **scope) -> Quota:
    with context(by="system:test"):
        currency = "EUR" if metric == "cost_month" else ""
        return Quota.objects.create(metric=metric, limit=Decimal(most), currency=currency, **scope)


def held(demo) -> dict[str, Decimal]:
    rows = QuotaReservation.objects.filter(released_at=None, team=demo.payments)
    return {row.metric: row.amount for row in rows}


SMALL = {"environments": Decimal(1), "vcpu": Decimal(1), "cost_month": Decimal("36.50")}
LARGE = {"environments": Decimal(1), "vcpu": Decimal(4), "cost_month": Decimal("146.00")}


def test_an_environment_holds_itself_what_its_template_counts_and_its_cost(sized):
    requested(sized)
    assert held(sized) == SMALL
    assert holdings.differences() == []


@pytest.mark.parametrize("scope", ["organisation", "tier", "team", "team-tier", "service"])
@pytest.mark.parametrize("metric", ["vcpu", "cost_month"])
def test_every_scope_limits_every_metric(sized, scope, metric):
    harbour = Organisation.objects.get()
    form = {
        "organisation": {"organisation": harbour},
        "tier": {"organisation": harbour, "tier": "dev"},
        "team": {"team": sized.payments},
        "team-tier": {"team": sized.payments, "tier": "dev"},
        "service": {"service": sized.api},
    }[scope]
    made = limit(metric, "1" if metric == "vcpu" else "36.50", **form)
    assert made.form == scope
    requested(sized)
    denied = request_environment(by=sized.mara, wanted=wanted(sized, name="second"))
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.status, denied.about["quotas"][0]["scope"]) == (f"quota.{metric}", 409, made.scope)
    assert held(sized) == SMALL


def test_another_tier_team_or_service_is_not_counted(sized):
    with context(by="system:test"):
        other = Service.objects.create(team=sized.payments, slug="ledger", name="Ledger")
    limit("vcpu", "0", team=sized.payments, tier="test")
    limit("vcpu", "0", team=sized.reliability)
    limit("vcpu", "0", service=other)
    assert requested(sized)


def test_money_of_another_currency_does_not_fit(sized):
    with context(by="system:test"):
        Quota.objects.create(metric="cost_month", limit=Decimal(10_000), currency="USD", team=sized.payments)
    denied = request_environment(by=sized.mara, wanted=wanted(sized))
    assert isinstance(denied, Denied)
    assert denied.rule == "quota.cost_month"


@worked
def test_a_change_holds_the_most_that_it_may_become(sized):
    environment = ready(sized)
    ask(sized, environment, "update", arguments=GROW)
    assert held(sized) == LARGE
    drain()
    assert held(sized) == LARGE
    assert holdings.differences() == []


@worked
def test_a_change_that_makes_it_smaller_gives_back_when_it_is_done(sized):
    environment = ready(sized, parameters={"size": "L"})
    ask(sized, environment, "update", arguments={"parameters": {"size": "S"}})
    assert held(sized) == LARGE
    drain()
    assert held(sized) == SMALL


@worked
def test_a_change_beyond_the_quota_is_refused_and_changes_nothing(sized):
    limit("vcpu", "3", team=sized.payments)
    environment = ready(sized)
    denied = submit(by=sized.mara, ask=Ask(environment, "update", GROW))
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.reason) == ("quota.vcpu", "Payments uses 1 of 3 vCPU; this needs 3 more.")
    assert (held(sized), Operation.objects.filter(kind="update").exists()) == (SMALL, False)


@worked
def test_a_cancelled_change_gives_back(sized):
    operation = ask(sized, ready(sized), "update", arguments=GROW)
    assert cancel(by=sized.mara, operation=operation)
    assert held(sized) == SMALL


@worked
def test_a_rejected_change_gives_back(sized):
    operation = ask(sized, _signed_from_now_on(sized), "update", arguments=GROW)
    drain()
    operation.refresh_from_db()
    assert held(sized) == LARGE
    assert reject(by=sized.jonas, operation=operation, digest=operation.change_digest, reason="No")
    assert held(sized) == SMALL


def _signed_from_now_on(demo) -> Environment:
    """It was made without a signature; changes of it need two."""
    environment = ready(demo)
    with context(by="system:test"):
        ApprovalRule.objects.update(tiers=["dev"])
    return environment


@worked
def test_a_change_that_is_undone_gives_back(sized):
    environment = ready(sized)
    noop.TROUBLE["thing"] = [DriverRejected("no")]
    operation = ask(sized, environment, "update", arguments=GROW)
    drain()
    operation.refresh_from_db()
    assert (operation.status, held(sized)) == ("rolled_back", SMALL)
    assert holdings.differences() == []


@worked
def test_a_change_that_failed_half_way_counts_until_it_is_mended(sized):
    environment = ready(sized)
    noop.TROUBLE.update({"thing": [DriverRejected("no")], "undo thing": [DriverRejected("no")]})
    ask(sized, environment, "update", arguments=GROW)
    drain()
    environment.refresh_from_db()
    assert (environment.status, held(sized), holdings.differences()) == ("failed", LARGE, [])
    ask(sized, environment, "reconcile")
    drain()
    assert (held(sized), holdings.differences()) == (SMALL, [])


@worked
def test_what_was_given_back_must_fit_again_when_it_is_retried(sized):
    environment = ready(sized)
    operation = ask(sized, environment, "update", arguments=GROW)
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(status="planning")
        Operation.objects.filter(pk=operation.pk).update(status="failed")
        holdings.settle(environment.pk)
    assert held(sized) == SMALL
    limit("vcpu", "3", team=sized.payments)
    denied = retry(by=sized.mara, operation=operation)
    operation.refresh_from_db()
    assert (isinstance(denied, Denied), operation.status, held(sized)) == (True, "failed", SMALL)


@worked
def test_two_open_changes_hold_the_larger(sized):
    environment = ready(sized)
    first = ask(sized, environment, "update", arguments=GROW)
    ask(sized, environment, "update", arguments={"parameters": {"size": "M"}})
    assert held(sized) == LARGE
    assert cancel(by=sized.mara, operation=first)
    assert held(sized)["vcpu"] == 2
    assert holdings.differences() == []


@worked
def test_a_suspended_one_counts_in_full_so_that_it_can_be_resumed(sized):
    limit("vcpu", "1", team=sized.payments)
    environment = ready(sized)
    ask(sized, environment, "suspend")
    drain()
    assert held(sized) == SMALL
    assert isinstance(request_environment(by=sized.mara, wanted=wanted(sized, name="second")), Denied)
    environment.refresh_from_db()
    assert ask(sized, environment, "resume")


@worked
def test_a_lowered_limit_stops_nothing_and_lets_smaller_changes_through(sized):
    environment = ready(sized, parameters={"size": "L"})
    limit("vcpu", "2", team=sized.payments)
    ask(sized, environment, "update", arguments={"parameters": {"size": "M"}})
    drain()
    assert held(sized)["vcpu"] == 2


@worked
def test_a_ledger_that_differs_is_reported_and_mended(sized):
    environment = ready(sized)
    with context(by="system:test"):
        quotas.release(subject=environment.ref)
        QuotaReservation.objects.create(team=sized.payments, metric="vcpu", amount=7, subject="environment:" + "0" * 32)
    found = {(row.metric, row.held, row.used) for row in holdings.differences()}
    assert ("vcpu", Decimal(7), Decimal(0)) in found
    assert ("environments", Decimal(0), Decimal(1)) in found
    with context(by="system:test"):
        assert len(holdings.repair()) == 4
    assert (holdings.differences(), held(sized)) == ([], SMALL)
