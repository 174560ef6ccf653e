"""A preview says what the request would meet, and writes nothing at all."""

from decimal import Decimal

import pytest

from audit.context import context
from policies.models import Decision, Quota
from policies.results import Denied
from provisioning.actions.request import request_environment
from provisioning.models import Operation
from provisioning.preview import preview
from tests.hostile import everything
from tests.provisioning.engine import wanted
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db

ASKED = [
    {},
    {"ttl_hours": 24 * 50},
    {"ttl_hours": 24 * 61},
    {"name": "vault"},
    {"name": "1api"},
    {"name": "API_"},
    {"name": ""},
    {"tier": "prod", "name": "payments-api-prod"},
    {"tier": "stage"},
    {"tier": "moon"},
    {"parameters": {"size": "XXL", "greeting": 5}},
    {"parameters": {"unknown": 1}},
    {"ttl_hours": 0},
    {"tier": "prod", "ttl_hours": 5},
]


@pytest.mark.parametrize("changes", ASKED)
@pytest.mark.parametrize("person", ["mara", "vera"])
def test_a_preview_and_the_request_after_it_say_the_same(demo, changes, person):
    by, asked = getattr(demo, person), wanted(demo, **changes)
    before = everything()
    shown = preview(by=by, wanted=asked)
    assert everything() == before
    answer = request_environment(by=by, wanted=asked)
    assert shown.allowed is isinstance(answer, Operation)
    if isinstance(answer, Denied) and shown.denied is None and not shown.errors:
        assert answer.errors[0].rule in {f.rule for f in shown.findings if f.severity == "block"}
    if shown.denied is not None:
        assert (answer.rule, answer.reason) == (shown.denied.rule, shown.denied.reason)
    elif shown.errors:
        assert shown.errors == answer.errors
    if person == "mara" and not shown.errors:
        recorded = Decision.objects.latest("id")
        assert [f["rule"] for f in recorded.findings] == [f.rule for f in shown.findings]
        assert tuple(recorded.passed) == shown.passed


def test_a_taken_name_is_said_before_it_is_asked_for(demo):
    environment_in(demo, "ready")
    shown = preview(by=demo.mara, wanted=wanted(demo))
    assert (shown.allowed, shown.denied.rule) == (False, "env.name_free")
    assert request_environment(by=demo.mara, wanted=wanted(demo)) == shown.denied


def test_a_full_quota_is_said_before_it_is_asked_for(demo):
    with context(by="system:test"):
        Quota.objects.update(limit=0)
    shown = preview(by=demo.mara, wanted=wanted(demo))
    assert shown.allowed is False
    assert [(usage.metric, usage.used, usage.limit, usage.left) for usage in shown.quota] == [("environments", 0, 0, 0)]
    answer = request_environment(by=demo.mara, wanted=wanted(demo))
    assert (answer.rule, shown.denied.rule) == ("quota.environments", "quota.environments")


@pytest.mark.parametrize("text", ["a\x00", "\ud800"])
def test_what_cannot_be_kept_is_said_and_never_an_error(demo, text):
    shown = preview(by=demo.mara, wanted=wanted(demo, name=text))
    assert (shown.allowed, [error.rule for error in shown.errors]) == (False, ["request.text"])


def test_cost_lifetime_and_signers_are_said(demo):
    shown = preview(by=demo.mara, wanted=wanted(demo, ttl_hours=10))
    assert (shown.ttl_hours, shown.until_expiry, shown.signers) == (10, shown.price.running * 10, ())
    assert shown.price.running == Decimal("0.05")
    prod = preview(by=demo.ines, wanted=wanted(demo, tier="prod", name="payments-api-prod"))
    assert (prod.requirement.signatures, prod.requirement.owning_team, prod.until_expiry) == (2, 1, None)
    assert list(prod.signers) == [demo.jonas, demo.tomasz]
