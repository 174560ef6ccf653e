"""The order in which a signer should read plans: prod, destroys, findings, reviews, cost; then the oldest."""

from decimal import Decimal
from itertools import pairwise

from provisioning.risk import MOST_COST, Risk, risk


def test_each_cause_outweighs_all_that_follow_it():
    order = [
        Risk(is_prod=True),
        Risk(destroys=True, severity=3, review_due=True, cost=MOST_COST),
        Risk(destroys=True),
        Risk(severity=3, review_due=True, cost=MOST_COST),
        Risk(severity=3),
        Risk(severity=2),
        Risk(severity=1),
        Risk(review_due=True, cost=MOST_COST),
        Risk(review_due=True),
        Risk(cost=MOST_COST),
        Risk(cost=1),
        Risk(),
    ]
    assert all(higher.score > lower.score for higher, lower in pairwise(order))
    assert order[-1].score == 0


def test_it_is_read_from_the_plan_its_findings_and_its_cost():
    found = risk(
        tier="prod",
        plan={"changes": [{"action": "create"}, {"action": "replace"}]},
        severities=["warn", "soft"],
        cost_delta=Decimal("0.10"),
    )
    assert found == Risk(is_prod=True, destroys=True, severity=2, review_due=False, cost=73)


def test_what_saves_money_is_no_more_urgent_than_what_costs_nothing():
    assert risk(tier="dev", plan={}, severities=[], cost_delta=Decimal("-5")) == Risk()


def test_no_amount_of_money_outweighs_a_finding():
    dear = risk(tier="dev", plan={}, severities=[], cost_delta=Decimal(10**9))
    warned = risk(tier="dev", plan={}, severities=["warn"], cost_delta=Decimal(0))
    assert warned.score > dear.score
