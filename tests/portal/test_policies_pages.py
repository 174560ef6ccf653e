"""Policy pages: rules with their source, bundles from draft to force, a rule without code, the log and its reasons."""

import pytest
from django.urls import reverse

from audit.context import context
from policies.bundles import replay, store
from policies.decisions import record_ruling
from policies.models import Decision, FormRule, PolicyBundle, Standing
from tests.policies.bundle_files import refusing
from tests.policies.conftest import fresh_engine
from tests.policies.policy_facts import NOW, facts
from tests.portal.api import made
from tests.portal.visitors import plain_static, signed_in

__all__ = ["fresh_engine"]
pytestmark = pytest.mark.django_db
REGION = {"slug": "region", "title": "Only in Europe", "kind": "allowed", "parameter": "region", "values": "eu-1\neu-2"}


@pytest.fixture
def shipped(demo, fresh_engine, settings):
    plain_static(settings)
    return store.ensure_shipped()


def decided(demo, engine, where, **changes):
    ruling = engine.judge("request", facts(**changes), now=NOW)
    with context(by=demo.mara):
        return record_ruling(ruling, subject=where.ref, point="request", kind="create", team=demo.payments)


def page(who, route, *args, **query):
    return signed_in(who).get(reverse(route, args=args), query).content.decode()


def test_everybody_reads_the_rules_in_force_and_their_source(demo, shipped):
    text = page(demo.vera, "policies")
    assert all(f"<code>{rule['id']}</code>" in text for rule in shipped.rules)
    assert reverse("policy_rule_new") not in text
    rule = page(demo.vera, "policy_rule", "env.ttl_maximum")
    assert "package berth.env_ttl_maximum" in rule
    assert "package tests.env_ttl_maximum" in rule


def test_a_rule_is_filled_in_shown_in_rego_drafted_replayed_and_put_into_force(demo, shipped, fresh_engine):
    pia = signed_in(demo.pia)
    shown = pia.post(reverse("policy_rule_new"), REGION).content.decode()
    assert "package berth.form_region" in shown
    assert "test_it_finds" in shown
    assert FormRule.objects.count() == 0
    assert pia.post(reverse("policy_rule_new"), {**REGION, "keep": "1"}).status_code == 302
    where = pia.post(reverse("policy_bundles"))["Location"]
    decided(demo, fresh_engine, made.environment(demo), environment={"parameters": {"region": "us-1"}})
    assert pia.post(where, {"act": "replay", "days": "7"}).status_code == 302
    replay.run_replays()
    text = pia.get(where).content.decode()
    assert "<strong>1 of 1</strong>" in text
    assert "The parameter region is us-1; it may be eu-1, eu-2." in text
    assert pia.post(where, {"act": "activate"}).status_code == 302
    assert "form.region" in page(demo.vera, "policies")


def test_a_form_that_says_nothing_sensible_is_shown_again_with_its_errors(demo, shipped):
    answer = signed_in(demo.pia).post(reverse("policy_rule_new"), {**REGION, "parameter": "a b", "keep": "1"})
    assert answer.status_code == 422
    assert "It is not the name of a parameter." in answer.content.decode()
    assert FormRule.objects.count() == 0


@pytest.mark.parametrize("act", ["activate", "shadow", "withdraw", "replay"])
def test_nobody_but_a_platform_engineer_moves_a_bundle(demo, shipped, act):
    draft = store.keep(by=demo.pia, files=refusing("rude"), source="test")
    answer = signed_in(demo.ines).post(reverse("policy_bundle", args=[draft.pk]), {"act": act, "days": "7"})
    assert answer.status_code == 403
    assert "Put into force" not in answer.content.decode()
    draft.refresh_from_db()
    assert (draft.state, draft.replays.count()) == ("draft", 0)


def test_a_bundle_that_no_longer_passes_says_every_problem(demo, shipped, monkeypatch):
    draft = store.keep(by=demo.pia, files=refusing("rude"), source="test")
    monkeypatch.setattr(store.checks, "BUILTINS", store.checks.BUILTINS - {"startswith", "regex.match"})
    answer = signed_in(demo.pia).post(reverse("policy_bundle", args=[draft.pk]), {"act": "activate"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "admission_image.rego:" in text
    assert "is neither allowed nor defined here." in text
    assert PolicyBundle.objects.get(state="active").pk == shipped.pk


def test_the_log_filters_by_rule_team_and_outcome(demo, shipped, fresh_engine):
    where = made.environment(demo)
    good = decided(demo, fresh_engine, where)
    bad = decided(demo, fresh_engine, where, environment={"owner": None})
    every = page(demo.vera, "policy_decisions")
    assert f">#{good.pk}</a>" in every
    assert f">#{bad.pk}</a>" in every
    for query in ({"q": "env.owner"}, {"outcome": "refused"}, {"q": "env.owner", "team": "payments"}):
        text = page(demo.vera, "policy_decisions", **query)
        assert f">#{bad.pk}</a>" in text
        assert f">#{good.pk}</a>" not in text
    assert "No decision matches" in page(demo.vera, "policy_decisions", team="reliability")
    assert "Nothing was judged yet" in page(demo.olaf, "policy_decisions")


def test_f5_a_decision_explains_which_rule_fired_on_which_field_and_why(demo, shipped, fresh_engine):
    bad = decided(demo, fresh_engine, made.environment(demo), environment={"owner": None})
    store.activate(by=demo.pia, bundle=store.keep(by=demo.pia, files=refusing("rude"), source="test"))
    text = page(demo.vera, "policy_decision", bad.pk)
    assert "rule <code>env.owner</code>" in text
    assert "environment.owner = null" in text
    assert "package berth.env_owner" in text
    assert "no longer in force" in text
    assert "<code>env.ttl_required</code>" in text
    assert "&quot;username&quot;: &quot;mara&quot;" in text


def test_what_runs_and_breaks_a_rule_is_listed_for_its_team_and_on_its_page(demo, shipped):
    where = made.environment(demo, ready_at=NOW)
    finding = {"rule": "env.owner", "severity": "block", "field": "environment.owner", "value": None}
    finding |= {"message": "There is no owner.", "fix": "Give it one.", "who": "The platform team"}
    Standing.objects.create(
        subject=where.ref,
        team=demo.payments,
        allowed=False,
        findings=[finding],
        bundle="sha256:x",
        judged_at=NOW,
        changed_at=NOW,
    )
    text = page(demo.vera, "policy_findings")
    assert "There is no owner." in text
    assert where.name in text
    assert where.name not in page(demo.olaf, "policy_findings")
    assert "Would be refused today" in page(demo.vera, "environment", where.pk)


def test_a_page_of_the_log_takes_the_same_few_queries_however_many_it_shows(
    demo, shipped, fresh_engine, django_assert_max_num_queries
):
    where = made.environment(demo)
    for _ in range(12):
        decided(demo, fresh_engine, where)
    client = signed_in(demo.vera)
    with django_assert_max_num_queries(25):
        client.get(reverse("policy_decisions"))
    assert Decision.objects.count() == 12
