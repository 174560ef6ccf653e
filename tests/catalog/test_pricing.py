"""Prices are exact, and add up from the base and what each parameter adds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import pricing, quota

BOOK = {
    "currency": "EUR",
    "book": "2026-11-01",
    "base": {"running": "0.0100", "suspended": "0.001"},
    "additions": {
        "size": {"S": {"running": "0.1", "suspended": "0"}, "L": {"running": "0.2", "suspended": "0.02"}},
        "public": {"true": {"running": "0.003", "suspended": "0"}},
        "days": {"each": {"running": "0.0001", "suspended": "0.0002"}},
    },
}
PROPERTIES = {
    "size": {"type": "string", "enum": ["S", "L"], "default": "S", "quota": {"vcpu": {"S": 1, "L": 4}}},
    "public": {"type": "boolean", "quota": {"addresses": 1}},
    "days": {"type": "integer", "quota": {"backups": 2}},
}
SPEC = {"price": BOOK, "parameters": {"properties": PROPERTIES}}


def test_a_price_is_the_base_and_what_each_choice_adds():
    price = pricing.price(SPEC, {"size": "L", "public": True, "days": 10})
    assert price == pricing.Price(Decimal("0.2140"), Decimal("0.023"), "EUR", "2026-11-01")
    assert price.running_per_day == Decimal("5.14")
    assert price.running_per_month == Decimal("156.22")
    assert price.suspended_per_day == Decimal("0.55")
    assert price.suspended_per_month == Decimal("16.79")


def test_an_absent_parameter_counts_at_its_default():
    assert pricing.price(SPEC, {}) == pricing.price(SPEC, {"size": "S", "public": False})
    assert pricing.price(SPEC, {}).running == Decimal("0.11")


def test_a_value_without_a_price_adds_nothing():
    assert pricing.price(SPEC, {"size": "XL", "days": "ten"}).running == Decimal("0.0100")


def test_half_a_cent_is_rounded_up():
    assert pricing.per_day(Decimal("0.000625")) == Decimal("0.02")
    assert pricing.per_month(Decimal("0.0000068")) == Decimal("0.00")


@pytest.mark.parametrize("size", ["S", "L"])
@given(days=st.integers(0, 10_000))
def test_prices_are_exact_whatever_the_number(size, days):
    price = pricing.price(SPEC, {"size": size, "days": days})
    running = {"S": 1100, "L": 2100}[size]
    assert price.running * 10_000 == running + days
    assert isinstance(price.suspended, Decimal)


def test_quota_is_what_each_choice_takes():
    schema = SPEC["parameters"]
    assert quota.uses(schema, {"size": "L", "public": True, "days": 3}) == {
        "addresses": 1,
        "backups": 6,
        "vcpu": 4,
    }
    assert quota.uses(schema, {}) == {"vcpu": 1}


def test_a_number_below_zero_gives_nothing_back():
    assert pricing.price(SPEC, {"size": "S", "days": -1000}).running == Decimal("0.11")
    assert quota.uses(SPEC["parameters"], {"size": "L", "days": -1000}) == {"vcpu": 4}
    assert quota.uses({"properties": {"a": {"quota": {"vcpu": 1}}}}, {"a": -8}) == {}
