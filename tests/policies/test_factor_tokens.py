"""What a token carries of a second factor: only what it was made under, never more, and never another time."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import factors, tokens
from policies.access import machines
from policies.models import ApiToken, Purpose
from policies.results import Denied
from tests.second_factors import enrolled, proved, required

pytestmark = pytest.mark.django_db


def asked(demo, **more):
    return tokens.create(by=demo.mara, name="ci", scopes=["read"], days=30, **more)


def test_where_the_rule_is_on_a_token_is_made_only_under_a_factor(demo):
    required(Purpose.MINT_TOKEN)
    denied = asked(demo)
    assert (denied.rule, denied.status) == ("factor.mint_token", 403)
    assert not ApiToken.objects.exists()
    with proved(demo.mara):
        assert not isinstance(asked(demo), Denied)


def test_a_token_carries_a_factor_only_if_it_says_so(demo):
    with proved(demo.mara) as proof:
        plain, _ = asked(demo)
        carrying, _ = asked(demo, second_factor=True)
    assert factors.of_token(plain) is None
    assert factors.of_token(carrying) == factors.Proof(demo.mara.pk, "token", proof.at, proof.factor)
    said = [row.data["second_factor"] for row in AuditEvent.objects.filter(event="token.created").order_by("id")]
    assert said == [False, True]


def test_a_new_value_of_a_token_and_a_machines_token_are_tokens_made_too(demo):
    machine = machines.create(by=demo.ines, team=demo.payments, name="deploy-bot", role="developer")
    enrolled(demo.ines)
    mine = {"by": demo.ines, "machine": machine, "name": "ci", "scopes": ["read"], "days": 30}
    token, _ = machines.mint(**mine)
    required(Purpose.MINT_TOKEN)
    assert machines.mint(**mine).rule == "factor.mint_token"
    assert machines.rotate(by=demo.ines, token=token).rule == "factor.mint_token"
    assert ApiToken.objects.count() == 1
    with proved(demo.ines):
        renewed, _ = machines.rotate(by=demo.ines, token=token)
    assert machines.rotate(by=machine, token=renewed)
    assert ApiToken.objects.count() == 3


@pytest.mark.parametrize("age", [None, timedelta(minutes=15)])
def test_without_a_fresh_factor_no_token_carries_one_even_where_no_rule_is_on(demo, age):
    enrolled(demo.mara)
    at = timezone.now() - age if age else None
    with proved(demo.mara, at=at) if at else factors.carried(None):
        assert asked(demo, second_factor=True).rule == "factor.fresh"
    assert not ApiToken.objects.exists()


def test_what_a_token_carries_cannot_be_written_later(demo):
    with proved(demo.mara):
        plain, _ = asked(demo)
        carrying, _ = asked(demo, second_factor=True)
    for token in (plain, carrying):
        rows = ApiToken.objects.filter(pk=token.pk)
        refused = pytest.raises(ProgrammingError, match="said when it is made")
        with refused, transaction.atomic(), context(by=demo.mara):
            rows.update(factor_at=timezone.now(), factor=1)
