"""Security keys through the pages, used by a software key: the right challenge, origin and counter, and no other."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from audit.models import AuditEvent, OutboxEvent
from tests.portal.second_factor_pages import enter_key, options_on, secure, with_key
from tests.portal.visitors import signed_in
from tests.second_factors import enrolled
from tests.software_key import SoftwareKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara(demo):
    return secure(demo.mara)


def options(client):
    return options_on(client.get(reverse("second_factor")).content.decode())


def sent(client, answer):
    return client.post(reverse("second_factor"), {"factor_credential": answer})


def test_a_key_is_registered_and_entered(demo, mara):
    key = with_key(mara)
    row = Authenticator.objects.get(type="webauthn")
    assert (row.user, row.data["name"], row.data["counter"]) == (demo.mara, "Blue key", 1)
    del mara.session["second_factor"]
    assert enter_key(mara, key).status_code == 302
    assert mara.session["second_factor"]["method"] == "webauthn"
    assert Authenticator.objects.get(type="webauthn").data["counter"] == 2


def test_a_counter_that_does_not_grow_is_refused_recorded_and_announced(demo, mara):
    key = with_key(mara)
    key.counter = 1
    answer = enter_key(mara, key)
    assert answer.status_code == 403
    assert "there may be a copy of the key" in answer.content.decode()
    assert AuditEvent.objects.get(event="factor.copied").object == demo.mara.audit_ref
    assert OutboxEvent.objects.get(topic="factor.copied").payload["name"] == "Blue key"


def test_a_key_that_counts_nothing_may_be_used_again_and_again(demo, mara):
    key = SoftwareKey()
    key.counter = 0
    with_key(mara, key)
    for _ in range(2):
        key.counter = 0
        assert enter_key(mara, key).status_code == 302


def test_a_challenge_works_once_and_for_its_own_session(demo, mara):
    key = with_key(mara)
    asked = options(mara)
    assert sent(mara, key.used(asked)).status_code == 302
    assert sent(mara, key.used(asked)).status_code == 403
    other = secure(demo.mara)
    options(other)
    assert sent(other, key.used(options(mara))).status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"origin": "https://elsewhere.example"}, {"rp": "elsewhere.example"}, {"origin": "http://testserver"}]
)
def test_another_origin_or_portal_is_refused(demo, mara, wrong):
    key = with_key(mara)
    for name, value in wrong.items():
        setattr(key, name, value)
    assert enter_key(mara, key).status_code == 403
    assert AuditEvent.objects.filter(event="factor.wrong").count() == 1


def test_anothers_key_and_anothers_signature_are_refused(demo, mara):
    key = with_key(mara)
    assert sent(mara, SoftwareKey().used(options(mara))).status_code == 403
    forged = SoftwareKey()
    forged.id = key.id
    assert sent(mara, forged.used(options(mara))).status_code == 403
    jonas = secure(demo.jonas)
    with_key(jonas)
    assert sent(jonas, key.used(options(jonas))).status_code == 403


@pytest.mark.parametrize(
    "answer",
    ["x", "1", "null", "[]", "{}", '{"id": "a"}', '{"id":"a","rawId":"a","type":"public-key","response":{}}'],
)
def test_what_is_no_answer_is_refused_by_both_forms(demo, mara, answer):
    with_key(mara)
    options(mara)
    assert sent(mara, answer).status_code == 403
    mara.get(reverse("security_key"))
    refused = mara.post(reverse("security_key"), {"name": "Red key", "factor_credential": answer})
    assert refused.status_code == 422
    assert Authenticator.objects.filter(type="webauthn").count() == 1


@pytest.mark.parametrize("part", ["authenticatorData", "signature", "clientDataJSON"])
def test_an_answer_with_a_damaged_part_is_refused(demo, mara, part):
    key = with_key(mara)
    answer = json.loads(key.used(options(mara)))
    for damaged in ("", "AAAA", "!", None, 7, answer["response"][part][:-6]):
        answer["response"][part] = damaged
        options(mara)
        assert sent(mara, json.dumps(answer)).status_code == 403


@pytest.mark.parametrize(("name", "rule"), [("", "1 and 40"), ("x" * 41, "1 and 40"), ("a\x00b", "cannot be kept")])
def test_a_key_needs_a_name(demo, mara, name, rule):
    asked = options_on(mara.get(reverse("security_key")).content.decode())
    body = {"name": name, "factor_credential": SoftwareKey().made(asked)}
    answer = mara.post(reverse("security_key"), body)
    assert answer.status_code == 422
    assert rule in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_over_plain_http_no_key_is_offered_and_the_page_says_why(demo):
    enrolled(demo.jonas)
    text = signed_in(demo.mara).get(reverse("security_key")).content.decode()
    assert "only over https, or at localhost" in text
    assert "data-options" not in signed_in(demo.jonas).get(reverse("second_factor")).content.decode()


@pytest.mark.parametrize(
    ("host", "offered"),
    [("localhost:8000", True), ("berth.localhost", True), ("127.0.0.1:8000", False), ("[::1]:8000", False)],
)
def test_keys_are_offered_where_browsers_offer_them(demo, settings, host, offered):
    settings.ALLOWED_HOSTS = ["*"]
    text = signed_in(demo.mara).get(reverse("security_key"), headers={"host": host}).content.decode()
    assert ("data-options" in text) is offered
