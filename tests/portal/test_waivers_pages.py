"""Waivers in the browser: from the refusal to the form, to whoever decides, to the request that passes."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from policies.models import Waiver
from provisioning.models import Environment, Operation
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import signed_in

pytestmark = pytest.mark.django_db
ASK = "/catalogue/web-service/request/"
CHECK = f"{ASK}check/"
NEW = "/waivers/new/"


def _sent(**changes: str) -> dict[str, str]:
    usual = {"service": "payments-api", "tier": "dev", "name": "payments-api-x", "p-size": "M", "p-greeting": "hi"}
    return {"key": "k" * 32, "ttl_days": "80", "reason": "Try it.", **usual, **changes}


def _link(client: Client, **changes: str) -> str:
    """Where the refused request leads to."""
    text = client.post(CHECK, _sent(**changes), headers={"HX-Request": "true"}).content.decode()
    return unescape(re.search(r'href="(/waivers/new/[^"]*)"', text)[1])


def _form(client: Client, link: str, **changes: str) -> dict[str, object]:
    """The form's fields as the page filled them in."""
    text = client.get(link).content.decode()
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    fields = {name: [unescape(v) for n, v in found if n == name] for name, _ in found if name != "csrfmiddlewaretoken"}
    chosen = re.search(r'name="scope" value="([^"]*)" checked', text)[1]
    return {**fields, "scope": chosen, "reason": "The audit runs for 80 days.", "days": "90", **changes}


def test_row81_from_the_refusal_to_the_waiver_to_the_request_that_passes(demo: Demo) -> None:
    mara, pia = signed_in(demo.mara), signed_in(demo.pia)
    sent = _form(mara, _link(mara))
    answer = mara.post(NEW, sent)
    waiver = Waiver.objects.get()
    assert answer["Location"] == f"/waivers/{waiver.pk}/"
    assert (waiver.rule, waiver.scope, waiver.value) == ("env.ttl_maximum", "service:payments-api", "1920")
    assert signed_in(demo.ines).post(f"/waivers/{waiver.pk}/grant/", {"reason": "Fine."}).status_code == 403
    assert pia.post(f"/waivers/{waiver.pk}/grant/", {"reason": "Until the audit ends."}).status_code == 302
    assert mara.post(ASK, _sent()).status_code == 302
    decisions = mara.get(f"/operations/{Operation.objects.get().pk}/decisions/").content.decode()
    assert f'<a href="/waivers/{waiver.pk}/">' in decisions
    assert "finding-waived" in decisions


def test_the_form_is_filled_in_with_rule_field_value_and_places(demo: Demo) -> None:
    made.environment(demo)
    mara = signed_in(demo.mara)
    link = _link(mara)
    assert {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()} == {
        "rule": "env.ttl_maximum",
        "field": "environment.ttl_hours",
        "value": "1920",
        "name": "payments-api-x",
        "scope": "service:payments-api",
    }
    text = mara.get(link).content.decode()
    assert "environment.ttl_hours" in text
    assert "Everything of the service payments-api" in text
    assert "Everything of the team Payments" in text
    assert "The platform team decides it." in text
    assert "Only this one request" not in text


def test_row79_the_override_of_one_request_is_given_by_an_owner(demo: Demo) -> None:
    mara = signed_in(demo.mara)
    month = {"tier": "preview", "ttl_days": "31"}
    link = _link(mara, **month)
    text = mara.get(link).content.decode()
    assert "Only this one request: payments-api-x" in text
    assert "Ines decides it." in text
    mara.post(NEW, _form(mara, link, days="7"))
    waiver = Waiver.objects.get()
    assert (waiver.is_override, waiver.label) == (True, "payments-api-x")
    assert signed_in(demo.pia).post(f"/waivers/{waiver.pk}/grant/", {"reason": "Fine."}).status_code == 403
    assert signed_in(demo.ines).post(f"/waivers/{waiver.pk}/grant/", {"reason": "Once."}).status_code == 302
    assert mara.post(ASK, _sent(**month)).status_code == 302
    waiver.refresh_from_db()
    assert waiver.operation == Operation.objects.get().ref


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": " "}, "A waiver needs a reason."),
        ({"days": "181"}, "181 days are outside 1 to 180."),
        ({"days": "soon"}, "0 days are outside 1 to 180."),
        ({"owner": "olaf"}, "Nobody of Payments has this name."),
        ({"among": ["service:ledger"], "scope": "service:ledger"}, "There is nothing here to waive this rule for."),
        ({"among": ["team:reliability"], "scope": "team:reliability"}, "There is nothing here to waive this rule for."),
        ({"rule": "env.name_label"}, "There is nothing here to waive this rule for."),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_said_and_not_written(demo: Demo, changes: dict[str, str], words: str) -> None:
    mara = signed_in(demo.mara)
    answer = mara.post(NEW, {**_form(mara, _link(mara)), **changes})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Waiver.objects.exists()


def test_a_rule_that_nobody_may_waive_offers_no_waiver(demo: Demo) -> None:
    text = signed_in(demo.mara).post(CHECK, _sent(name="Bad_", ttl_days="3")).content.decode()
    assert "env.name_label" in text
    assert NEW not in text


def test_the_list_shows_what_is_to_decide_first_and_each_view(demo: Demo) -> None:
    waiver = made.waiver(demo)
    pia = signed_in(demo.pia)
    assert "To decide 1" in pia.get("/waivers/").content.decode()
    for view, seen in {"todo": True, "mine": False, "living": True, "ended": False}.items():
        assert (f"/waivers/{waiver.pk}/" in pia.get(f"/waivers/?show={view}").content.decode()) is seen
    assert f"/waivers/{waiver.pk}/" in signed_in(demo.mara).get("/waivers/?show=mine&q=ttl_max").content.decode()
    assert f"/waivers/{waiver.pk}/" not in signed_in(demo.olaf).get("/waivers/").content.decode()


def test_the_page_says_who_is_waited_for_and_offers_only_what_the_viewer_may(demo: Demo) -> None:
    address = f"/waivers/{made.waiver(demo).pk}/"
    pia, mara, jonas = (signed_in(person).get(address).content.decode() for person in (demo.pia, demo.mara, demo.jonas))
    assert "waits for The platform team" in mara
    assert ("Grant the waiver" in pia, "Grant the waiver" in mara, "Grant the waiver" in jonas) == (True, False, False)
    assert ("Take it back" in mara, "Take it back" in jonas) == (True, False)
    assert "You asked for this waiver, so you cannot decide it." in mara
    assert "asked for a waiver for" in mara


def test_a_decision_without_a_reason_is_refused(demo: Demo) -> None:
    waiver = made.waiver(demo)
    answer = signed_in(demo.pia).post(f"/waivers/{waiver.pk}/grant/", {"reason": ""})
    assert answer.status_code == 422
    assert "A decision on a waiver needs a reason." in answer.content.decode()
    waiver.refresh_from_db()
    assert waiver.state == "asked"


def test_f5_the_refusal_names_rule_field_value_fix_owner_and_how_to_ask_for_a_waiver(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(ASK, _sent())
    text = answer.content.decode()
    assert answer.status_code == 422
    for words in (
        "<code>env.ttl_maximum</code>",
        "<code>environment.ttl_hours = 1920</code>",
        "The time to live of 80 days is longer than the 60 days that the template web-service allows for the tier dev.",
        "Ask for 60 days or less.",
        "Who can help: The owner of the template.",
        "Who can waive it: The platform team.",
        "Ask for a waiver</a>",
    ):
        assert words in text, words
    assert not Environment.objects.exists()
