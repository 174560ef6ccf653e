"""Which act needs a second factor, from whom, and for how long one counts."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import factors
from policies.models import FactorRule, Purpose
from policies.results import Allowed, Denied
from tests.second_factors import enrolled, proved, required

pytestmark = pytest.mark.django_db
EVERY = list(Purpose)
NOW = timezone.now().replace(microsecond=0)


def asked(demo, purpose, minutes=15, by=None, tokens=False, required=True):
    return factors.change_rule(by=by or demo.pia, purpose=purpose, required=required, minutes=minutes, tokens=tokens)


def test_before_the_organisation_turns_it_on_only_the_glass_needs_a_factor(demo):
    answers = {purpose: bool(factors.need(demo.ines, purpose)) for purpose in EVERY}
    assert answers == {"sign_prod": True, "break_glass": False, "reveal": True, "mint_token": True}


@pytest.mark.parametrize("purpose", EVERY)
def test_a_rule_that_is_on_refuses_in_full_and_is_met_by_a_fresh_factor(demo, purpose):
    required(purpose)
    denied = factors.need(demo.ines, purpose)
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.field, denied.status) == (f"factor.{purpose}", "second_factor", 403)
    assert "within the last 15 min" in denied.reason
    assert "set one up" in denied.fix
    with proved(demo.ines):
        assert factors.need(demo.ines, purpose) == Allowed()
    assert "Enter a code" in factors.need(demo.ines, purpose).fix


@pytest.mark.parametrize(
    ("age", "enough"),
    [
        (timedelta(seconds=899, microseconds=999999), True),
        (timedelta(seconds=900), False),
        (timedelta(seconds=901), False),
        (timedelta(seconds=-30), True),
        (timedelta(seconds=-31), False),
    ],
)
def test_a_proof_ends_at_exactly_its_age_and_is_not_believed_from_the_future(demo, age, enough):
    required(Purpose.SIGN_PROD)
    with time_machine.travel(NOW, tick=False), proved(demo.ines, at=NOW - age):
        assert bool(factors.need(demo.ines, Purpose.SIGN_PROD)) is enough


def test_anothers_proof_counts_for_nobody_else(demo):
    required(Purpose.REVEAL)
    enrolled(demo.mara)
    with proved(demo.pia):
        assert factors.need(demo.mara, Purpose.REVEAL).rule == "factor.reveal"


def test_a_proof_ends_with_its_factor(demo):
    required(Purpose.REVEAL)
    key = enrolled(demo.mara)
    with proved(demo.mara):
        assert factors.need(demo.mara, Purpose.REVEAL)
        with context(by=demo.mara):
            key.delete()
        assert not factors.need(demo.mara, Purpose.REVEAL)


def test_a_token_counts_beyond_the_age_only_where_the_rule_says_so(demo):
    required(Purpose.REVEAL, tokens=True)
    required(Purpose.SIGN_PROD)
    with proved(demo.ines, at=timezone.now() - timedelta(days=3), method=factors.TOKEN):
        assert factors.need(demo.ines, Purpose.REVEAL)
        assert not factors.need(demo.ines, Purpose.SIGN_PROD)
        assert not factors.fresh(demo.ines, "Removing a factor")
        assert not factors.need(demo.ines, Purpose.BREAK_GLASS)
    with proved(demo.ines, at=timezone.now() - timedelta(days=3), method="totp"):
        assert not factors.need(demo.ines, Purpose.REVEAL)


def test_what_is_demanded_of_a_person_follows_their_rights(demo):
    required(Purpose.SIGN_PROD, Purpose.REVEAL)
    assert factors.demanded_of(demo.ines) == [Purpose.SIGN_PROD, Purpose.BREAK_GLASS, Purpose.REVEAL]
    assert factors.demanded_of(demo.jonas) == [Purpose.SIGN_PROD]
    assert factors.demanded_of(demo.mara) == [Purpose.REVEAL]
    assert factors.demanded_of(demo.vera) == []


def test_only_who_manages_policies_changes_a_rule_and_it_is_recorded(demo):
    denied = asked(demo, Purpose.REVEAL, by=demo.ines)
    assert denied.rule == "role.manage_policies"
    assert FactorRule.objects.count() == 0
    assert AuditEvent.objects.get(event="factor.rule_refused").data["rule"] == "role.manage_policies"
    changed = asked(demo, Purpose.REVEAL, minutes=5)
    assert (changed.required, changed.max_age_seconds) == (True, 300)
    assert AuditEvent.objects.filter(event="factor.rule_changed", object="factorrule:reveal").count() == 1


@pytest.mark.parametrize("looser", [{"required": False}, {"minutes": 16}, {"tokens": True}])
def test_loosening_a_rule_needs_a_factor_and_tightening_does_not(demo, looser):
    required(Purpose.REVEAL)
    denied = asked(demo, Purpose.REVEAL, **looser)
    assert (denied.rule, denied.status) == ("factor.fresh", 403)
    assert asked(demo, Purpose.REVEAL, minutes=14).max_age_seconds == 840
    with proved(demo.pia):
        assert isinstance(asked(demo, Purpose.REVEAL, **looser), FactorRule)


@pytest.mark.parametrize("looser", [{"required": False}, {"minutes": 16}, {"tokens": True}])
def test_the_glass_always_needs_a_fresh_factor_even_in_the_database(demo, looser):
    with proved(demo.pia):
        denied = asked(demo, Purpose.BREAK_GLASS, **looser)
    assert (denied.rule, denied.status) == ("factor.break_glass_always", 422)
    row = {"required": True, "minutes": 15, "tokens": False, **looser}
    with pytest.raises(IntegrityError), transaction.atomic(), context(by="system:test"):
        FactorRule.objects.create(
            purpose="break_glass",
            required=row["required"],
            max_age_seconds=row["minutes"] * 60,
            tokens=row["tokens"],
        )


@pytest.mark.parametrize("minutes", [0, 721, -1])
def test_an_age_out_of_bounds_is_refused(demo, minutes):
    assert asked(demo, Purpose.REVEAL, minutes=minutes).rule == "factor.age"
    assert FactorRule.objects.count() == 0
