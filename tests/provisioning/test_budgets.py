"""What a month comes to, to the cent; what is announced once, what is refused, what is too small to be signed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from audit.context import context
from audit.models import OutboxEvent
from policies import budgets
from policies.models import Budget, BudgetMark, Organisation
from policies.places import Place
from policies.results import Denied
from provisioning import costs
from provisioning.actions.change import Ask, draft_for
from provisioning.actions.control import cancel, end_lifetime, extend
from provisioning.actions.request import check, request_environment
from provisioning.judging import draft_of
from provisioning.models import Environment, Operation
from provisioning.preview import preview
from provisioning.runs.budgets import sweep
from tests.hostile import refused_once, sqlstate
from tests.portal.api import made
from tests.provisioning.engine import wanted

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
RATES = {"rate_running": Decimal("0.10"), "rate_suspended": Decimal("0.01")}


def budget(demo, amount: str = "100", **fields) -> Budget:
    return made.budget(demo, **{"amount": Decimal(amount), **fields})


def environment(demo, name: str = "payments-a", **fields) -> Environment:
    return made.environment(demo, name, **{"ready_at": NOW - timedelta(days=2), **RATES, **fields})


def turn(demo, where: Environment, kind: str, hours: int, **fields) -> Operation:
    return made.operation(demo, where, kind=kind, finished_at=NOW - timedelta(hours=hours), **fields)


def test_a_month_is_hours_times_rate_and_runs_on_until_it_ends(demo):
    environment(demo)
    found = costs.project(budget(demo), NOW)
    assert (found.spent, found.committed, found.projected) == (Decimal("4.80"), Decimal("48.00"), Decimal("52.80"))
    assert (found.percent, found.reached) == (52, [50])


def test_what_was_before_the_month_is_not_counted(demo):
    environment(demo, ready_at=datetime(2026, 9, 1, tzinfo=UTC))
    assert costs.project(budget(demo), NOW).spent == Decimal("24.00")


def test_what_ends_before_the_month_is_committed_until_then(demo):
    ends = NOW + timedelta(days=1)
    environment(demo, expires_at=ends, expires_at_most=ends)
    assert costs.project(budget(demo), NOW).committed == Decimal("2.40")


def test_suspensions_and_sizes_cost_what_they_were(demo):
    where = environment(demo)
    turn(demo, where, "suspend", 40)
    turn(demo, where, "resume", 30)
    turn(demo, where, "update", 10, context={"rate_running": "0.05", "rate_suspended": "0.01"})
    spent = Decimal("0.05") * 8 + Decimal("0.01") * 10 + Decimal("0.05") * 20 + Decimal("0.10") * 10
    assert costs.project(budget(demo), NOW).spent == spent


def test_a_destroyed_one_has_cost_until_it_was(demo):
    environment(demo, status="destroyed", destroyed_at=NOW - timedelta(hours=24))
    found = costs.project(budget(demo), NOW)
    assert (found.spent, found.committed) == (Decimal("2.40"), Decimal(0))


def test_only_what_is_in_the_scope_counts(demo):
    environment(demo)
    organisation = Organisation.objects.get()
    for fields in ({"team": demo.reliability}, {"team": None, "organisation": organisation, "tier": "prod"}):
        assert costs.project(budget(demo, **fields), NOW).projected == 0
    assert costs.project(budget(demo, team=None, organisation=organisation), NOW).projected == Decimal("52.80")


def test_a_budget_is_seen_by_who_sees_its_team_and_one_of_the_organisation_by_everybody(demo):
    ours, every = budget(demo), budget(demo, team=None, organisation=Organisation.objects.get())
    seen = {who: set(budgets.visible_to(getattr(demo, who))) for who in ("vera", "pia", "tomasz", "olaf")}
    assert seen == {"vera": {ours, every}, "pia": {ours, every}, "tomasz": {every}, "olaf": {every}}


def test_each_threshold_is_announced_once_a_month(demo):
    environment(demo)
    row = budget(demo, "60")
    assert (sweep(NOW), sweep(NOW)) == ({"announced": 2}, {"announced": 0})
    said = OutboxEvent.objects.filter(topic="budget.threshold").order_by("id")
    assert [event.payload["percent"] for event in said] == [50, 80]
    assert said[0].payload["projected"] == "52.80"
    assert sweep(NOW + timedelta(days=25)) == {"announced": 3}
    assert BudgetMark.objects.filter(budget=row).count() == 5


def test_the_same_threshold_twice_is_impossible_in_the_database(demo):
    row = budget(demo)
    insert = "INSERT INTO policies_budgetmark (budget_id, month, percent, projected, at) VALUES (%s, %s, %s, 1, now())"
    assert sqlstate(insert, [row.pk, "2026-11-01", 70]) == "23514"
    assert sqlstate(insert, [row.pk, "2026-11-02", 50]) == "23514"
    assert sqlstate(f"{insert}, (%s, %s, %s, 1, now())", [row.pk, "2026-11-01", 50] * 2) == "23505"


def test_a_scope_is_exactly_one_thing_in_the_database(demo):
    insert = "INSERT INTO policies_budget (organisation_id, team_id, tier, amount, currency, blocks) VALUES "
    organisation = Organisation.objects.get().pk
    assert sqlstate(f"{insert} (%s, %s, '', 1, 'EUR', false)", [organisation, demo.payments.pk]) == "23514"
    assert sqlstate(f"{insert} (NULL, NULL, '', 1, 'EUR', false)") == "23514"
    assert sqlstate(f"{insert} (NULL, %s, '', 0, 'EUR', false)", [demo.payments.pk]) == "23514"
    assert sqlstate(f"{insert} (NULL, %s, 'dev', 1, 'EUR', false)", [demo.payments.pk]) == ""


def test_a_blocking_budget_refuses_before_anything_is_made(demo):
    budget(demo, "0.01", blocks=True)
    shown = preview(by=demo.mara, wanted=wanted(demo))
    denied = request_environment(by=demo.mara, wanted=wanted(demo))
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.status, shown.denied.rule) == ("budget.exceeded", 409, "budget.exceeded")
    assert not Environment.objects.exists()


@pytest.mark.parametrize("longer", ["extend", "end_lifetime"])
def test_a_blocking_budget_refuses_to_prolong_what_it_cannot_pay(demo, time_machine, longer):
    time_machine.move_to(NOW)
    ends = NOW + timedelta(days=1)
    where = environment(demo, expires_at=ends, expires_at_most=ends + timedelta(days=90))
    row = budget(demo, "7.20", blocks=True)
    act = {
        "extend": lambda hours: extend(by=demo.mara, environment=where, hours=hours),
        "end_lifetime": lambda hours: end_lifetime(by=demo.mara, environment=where, at=ends + hours * HOUR),
    }[longer]
    denied = refused_once(lambda: act(1))
    assert (denied.rule, denied.status) == ("budget.exceeded", 409)
    assert denied.reason == f"With this {row.scope} would spend 7.30 of 7.20 EUR this month."
    where.refresh_from_db()
    assert where.expires_at == ends
    with context(by="system:test"):
        Budget.objects.filter(pk=row.pk).update(amount=Decimal("7.30"))
    assert act(1).expires_at == ends + HOUR


def test_a_budget_that_only_warns_lets_it_through(demo):
    budget(demo, "0.01")
    assert isinstance(request_environment(by=demo.mara, wanted=wanted(demo)), Operation)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("update", "-0.05"), ("suspend", "-0.09"), ("resume", "0"), ("destroy", "-0.10"), ("deploy", "0")],
)
def test_what_a_change_costs_more_an_hour(demo, kind, more):
    asked = Ask(environment(demo), kind, {"parameters": {}} if kind == "update" else {})
    assert costs.cost_delta(draft_for(demo.mara, asked)) == Decimal(more)


def test_what_a_new_one_costs_an_hour(demo):
    assert costs.cost_delta(check(by=demo.mara, wanted=wanted(demo)).draft) == Decimal("0.05")


def test_what_is_below_the_smallest_threshold_of_its_scopes_is_small(demo):
    draft = check(by=demo.mara, wanted=wanted(demo)).draft
    place = Place(demo.payments, demo.api, "dev")
    assert (budgets.threshold(place, "EUR"), costs.cost_to_sign(draft)) == (None, Decimal("0.05"))
    budget(demo, auto_approve_below=Decimal("36.51"))
    assert (budgets.threshold(place, "EUR"), costs.cost_to_sign(draft)) == (Decimal("36.51"), Decimal(0))
    budget(demo, tier="dev", auto_approve_below=Decimal("36.50"))
    assert costs.cost_to_sign(draft) == Decimal("0.05")
    assert costs.cost_to_sign(replace(draft, tier="test")) == Decimal(0)


def test_nothing_is_small_by_a_threshold_in_other_money(demo):
    draft = check(by=demo.mara, wanted=wanted(demo)).draft
    budget(demo, currency="SEK", auto_approve_below=Decimal("1000"))
    assert costs.cost_to_sign(draft) == Decimal("0.05")


def test_a_change_in_ten_parts_is_not_small_and_what_came_to_nothing_or_was_signed_does_not_count(demo):
    budget(demo, auto_approve_below=Decimal("100"))
    draft = check(by=demo.mara, wanted=wanted(demo)).draft
    first, second = (_asked(demo, f"payments-{name}") for name in "ab")
    assert costs.cost_to_sign(draft) == Decimal("0.15")
    assert [costs.cost_to_sign(draft_of(row)) for row in (first, second)] == [0, 0]
    assert costs.cost_to_sign(replace(draft, requester=demo.ines)) == 0
    assert cancel(by=demo.mara, operation=first).status == "cancelled"
    assert costs.cost_to_sign(draft) == 0
    third = _asked(demo, "payments-c")
    assert costs.cost_to_sign(draft) == Decimal("0.15")
    with context(by="system:test"):
        Operation.objects.filter(pk=third.pk).update(signatures_needed=2)
    assert costs.cost_to_sign(draft) == 0
    with context(by="system:test"):
        Operation.objects.filter(pk=third.pk).update(signatures_needed=0)
    assert cancel(by=demo.mara, operation=second).status == "cancelled"
    assert costs.cost_to_sign(draft) == 0


def _asked(demo, name: str) -> Operation:
    asked = request_environment(by=demo.mara, wanted=wanted(demo, name=name))
    assert isinstance(asked, Operation), asked
    return asked
