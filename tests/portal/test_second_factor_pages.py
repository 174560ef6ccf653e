"""A rule that is on, on the pages: asked in the middle of a form and nothing lost; removed and reset under rules."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.urls import reverse

from audit.models import AuditEvent, OutboxEvent
from policies.access import looking
from policies.models import FactorRule, FactorTries, Purpose, Signature
from portal.impersonation import LOOK_KEY
from tests.portal.api import made
from tests.portal.second_factor_pages import code_at, enter, enter_key, secure, with_app, with_key
from tests.portal.visitors import signed_in
from tests.second_factors import enrolled, required

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travelling:
        yield travelling


def now() -> float:
    return datetime.now(UTC).timestamp()


def held(text: str) -> dict[str, str]:
    """The hidden fields of the page that asks for the code."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text))


def prod_plan(demo):
    return made.awaiting(demo, tier="prod")


def test_a_prod_plan_is_signed_after_the_code_and_nothing_of_the_form_is_lost(demo, clock):
    required(Purpose.SIGN_PROD)
    plan, jonas = prod_plan(demo), secure(demo.jonas)
    seed, _ = with_app(jonas, now())
    clock.shift(timedelta(minutes=16))
    address = reverse("approval_decide", args=[plan.pk])
    body = {"digest": plan.change_digest, "decision": "approve", "reason": "Rehearsed <in> stage"}
    asked = jonas.post(address, body)
    text = asked.content.decode()
    assert asked.status_code == 403
    assert "Signing a plan of prod needs a second factor that was entered within the last 15 min." in text
    assert not Signature.objects.exists()
    fields = {**held(text), "reason": "Rehearsed <in> stage"}
    assert 'value="Rehearsed &lt;in&gt; stage"' in text
    again = enter(jonas, code_at(seed, now()), **fields)
    assert (again.status_code, again["Location"]) == (307, address)
    assert jonas.post(again["Location"], {**fields, "factor_code": "1"}).status_code == 302
    assert Signature.objects.get().reason == "Rehearsed <in> stage"


def test_a_wrong_code_keeps_the_form_too(demo, clock):
    required(Purpose.SIGN_PROD)
    plan, jonas = prod_plan(demo), secure(demo.jonas)
    with_app(jonas, now())
    clock.shift(timedelta(minutes=16))
    body = {"digest": plan.change_digest, "decision": "approve", "reason": "Rehearsed"}
    first = held(jonas.post(reverse("approval_decide", args=[plan.pk]), body).content.decode())
    second = held(enter(jonas, "000000", **first).content.decode())
    assert {name: second[name] for name in first if name != "csrfmiddlewaretoken"} == {
        name: value for name, value in first.items() if name != "csrfmiddlewaretoken"
    }


@pytest.mark.parametrize(("tier", "decision"), [("stage", "approve"), ("prod", "reject")])
def test_rejecting_and_signing_below_prod_need_no_factor(demo, tier, decision):
    required(Purpose.SIGN_PROD)
    plan = made.awaiting(demo, tier=tier)
    body = {"digest": plan.change_digest, "decision": decision, "reason": "Too large."}
    assert secure(demo.jonas).post(reverse("approval_decide", args=[plan.pk]), body).status_code == 302


def test_htmx_gets_the_page_in_place_of_what_asked(demo):
    required(Purpose.SIGN_PROD)
    plan = prod_plan(demo)
    body = {"digest": plan.change_digest, "decision": "approve"}
    answer = secure(demo.jonas).post(reverse("approval_decide", args=[plan.pk]), body, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"], answer["HX-Reselect"]) == (422, "#page", "#page")


def test_the_api_refuses_with_the_rule_and_a_session_with_a_fresh_factor_signs(demo):
    required(Purpose.SIGN_PROD)
    plan, jonas = prod_plan(demo), secure(demo.jonas)
    address = reverse("api:operation_approve", args=[plan.pk])
    body = {"data": {"digest": plan.change_digest}, "content_type": "application/json"}
    refused = jonas.post(address, **body)
    assert (refused.status_code, refused.json()["rule"]) == (403, "factor.sign_prod")
    assert AuditEvent.objects.get(event="operation.refused").data["rule"] == "factor.sign_prod"
    with_key(jonas)
    assert jonas.post(address, **body).status_code == 200


def test_who_has_none_sets_one_up_in_another_tab_and_goes_on(demo):
    required(Purpose.MINT_TOKEN)
    mara = secure(demo.mara)
    asked = mara.post(reverse("tokens"), {"name": "ci", "scopes": ["read", "operate"], "days": "30"})
    assert "You have no second factor yet." in asked.content.decode()
    with_key(mara)
    again = mara.post(reverse("second_factor"), held(asked.content.decode()))
    assert (again.status_code, again["Location"]) == (307, reverse("tokens"))
    body = {"name": "ci", "scopes": ["read", "operate"], "days": "30"}
    assert mara.post(again["Location"], body).status_code == 200
    assert demo.mara.tokens.get().scopes == ["operate", "read"]


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "\\\\x"]
)
@pytest.mark.parametrize("name", ["factor_next", "factor_again"])
def test_entering_never_leads_elsewhere(demo, target, name):
    mara = secure(demo.mara)
    key = with_key(mara)
    answer = enter_key(mara, key, **{name: target})
    assert (answer.status_code, answer["Location"]) == (302, reverse("security"))


def test_a_reveal_asks_first(demo):
    required(Purpose.REVEAL)
    environment = made.environment(demo)
    address = reverse("secret_reveal", kwargs={"pk": environment.pk, "name": "nothing"})
    mara = secure(demo.mara)
    answer = mara.post(address, {"reason": "To look at it."})
    assert (answer.status_code, "Revealing a secret needs a second factor" in answer.content.decode()) == (403, True)
    assert not AuditEvent.objects.filter(event="secret.revealed").exists()
    with_key(mara)
    assert mara.post(address, {"reason": "To look at it."}).status_code == 404


def test_the_last_factor_stays_while_a_rule_demands_one(demo):
    required(Purpose.SIGN_PROD)
    jonas = secure(demo.jonas)
    with_key(jonas)
    first = Authenticator.objects.get(type="webauthn")
    refused = jonas.post(reverse("factor_remove", args=[first.pk]))
    assert refused.status_code == 409
    assert "a rule demands one of you to sign plans of prod." in refused.content.decode()
    with_key(jonas, name="Second key")
    assert jonas.post(reverse("factor_remove", args=[first.pk])).status_code == 302
    assert [row.data.get("name") for row in Authenticator.objects.filter(type="webauthn")] == ["Second key"]


def test_without_a_demand_the_last_factor_goes_with_its_recovery_codes(demo):
    mara = secure(demo.mara)
    with_key(mara)
    address = reverse("factor_remove", args=[Authenticator.objects.get(type="webauthn").pk])
    assert mara.post(address).status_code == 302
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(event="factor.removed").count() == 1


def test_removing_and_adding_need_a_fresh_factor(demo):
    key = enrolled(demo.mara)
    mara = secure(demo.mara)
    assert mara.post(reverse("factor_remove", args=[key.pk])).status_code == 403
    assert mara.get(reverse("security_key"))["Location"] == "/second-factor/?next=%2Fsettings%2Fsecurity%2Fkey%2F"
    assert mara.post(reverse("security_app"), {"code": "1"}).status_code == 302
    assert Authenticator.objects.get() == key
    assert signed_in(demo.jonas).post(reverse("factor_remove", args=[key.pk])).status_code == 404


def test_a_platform_engineer_resets_and_the_person_is_told_until_they_have_read_it(demo):
    mara = secure(demo.mara)
    with_key(mara)
    answer = signed_in(demo.pia).post(reverse("factor_reset", args=[demo.mara.pk]), {"reason": "Lost her phone"})
    assert answer.status_code == 302
    assert not Authenticator.objects.exists()
    text = mara.get(reverse("home")).content.decode()
    assert "Your second factors were reset" in text
    assert "By Pia: Lost her phone." in text
    event = AuditEvent.objects.get(event="factor.reset")
    assert event.data == {"methods": ["recovery_codes", "webauthn"], "reason": "Lost her phone"}
    assert OutboxEvent.objects.get(topic="factor.reset").payload["by"] == demo.pia.audit_ref
    mara.post(reverse("security_told"))
    assert "were reset" not in mara.get(reverse("home")).content.decode()


@pytest.mark.parametrize(
    ("who", "whom", "reason", "status"),
    [
        ("ines", "mara", "Lost her phone", 403),
        ("pia", "pia", "Lost my phone", 403),
        ("pia", "mara", "why", 422),
        ("pia", "vera", "Lost her phone", 409),
    ],
)
def test_a_reset_that_is_not_allowed_takes_nothing(demo, who, whom, reason, status):
    enrolled(demo.mara)
    enrolled(demo.pia)
    client = signed_in(getattr(demo, who))
    answer = client.post(reverse("factor_reset", args=[getattr(demo, whom).pk]), {"reason": reason})
    assert answer.status_code == status
    assert Authenticator.objects.count() == 2
    assert AuditEvent.objects.filter(event="factor.reset_refused").count() == 1


def test_a_reset_ends_open_proofs_and_forgets_wrong_codes(demo, clock):
    required(Purpose.MINT_TOKEN)
    mara = secure(demo.mara)
    with_app(mara, now())
    enter(mara, "000000")
    signed_in(demo.pia).post(reverse("factor_reset", args=[demo.mara.pk]), {"reason": "Lost her phone"})
    assert FactorTries.objects.get().wrong_at == []
    body = {"name": "ci", "scopes": ["read"], "days": "30"}
    assert mara.post(reverse("tokens"), body).status_code == 403


def test_rules_are_changed_on_their_page(demo):
    pia = secure(demo.pia)
    body = {"purpose": "reveal", "required": "1", "minutes": "5"}
    assert pia.post(reverse("factor_rules"), body).status_code == 302
    rule = FactorRule.objects.get()
    assert (rule.purpose, rule.required, rule.max_age_seconds, rule.tokens) == ("reveal", True, 300, False)
    assert "needs a second factor" in pia.post(reverse("factor_rules"), {**body, "required": ""}).content.decode()
    assert pia.post(reverse("factor_rules"), {**body, "minutes": "five"}).status_code == 422
    assert pia.post(reverse("factor_rules"), {**body, "purpose": "sign_in"}).status_code == 404


def test_a_token_reveals_with_the_factor_that_it_carries_and_not_with_the_sessions(demo):
    required(Purpose.REVEAL, tokens=True)
    mara = secure(demo.mara)
    with_key(mara)
    address = reverse("api:secret_reveal", kwargs={"pk": made.environment(demo).pk, "name": "nothing"})
    statuses = {}
    for carries in ("1", ""):
        body = {"name": "ci", "scopes": ["operate"], "days": "30", "second_factor": carries}
        value = re.search(r'<code class="secret">(berth_[^<]+)', mara.post(reverse("tokens"), body).content.decode())
        assert value
        by_token = {"Authorization": f"Bearer {value[1]}"}
        answer = mara.post(address, {"reason": "A pipeline"}, content_type="application/json", headers=by_token)
        statuses[carries] = (answer.status_code, answer.json()["rule"])
    assert statuses == {"1": (404, "secret.known"), "": (403, "factor.reveal")}


def test_who_looks_as_somebody_else_sets_up_nothing_for_them(demo):
    pia = secure(demo.pia)
    look = looking.begin(by=demo.pia, subject=demo.mara, reason="She cannot find her key")
    session = pia.session
    session[LOOK_KEY] = look.pk
    session.save()
    for name in ("security_app", "security_key"):
        assert pia.get(reverse(name)).status_code == 403
    assert pia.post(reverse("security_key"), {"name": "x"}).status_code == 403
    assert not Authenticator.objects.exists()
