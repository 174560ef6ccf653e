"""The request form: what it shows while it is filled in, what it sends, what a refusal leaves."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.context import context
from policies.models import Quota, QuotaReservation
from provisioning.models import Environment, Operation
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import signed_in

pytestmark = pytest.mark.django_db
ASK = "/catalogue/web-service/request/"
CHECK = "/catalogue/web-service/request/check/"


def _sent(**changes: str) -> dict[str, str]:
    usual = {"service": "payments-api", "tier": "dev", "name": "payments-api-x", "p-size": "M", "p-greeting": "hi"}
    return {"key": "k" * 32, "ttl_days": "", "reason": "Try it.", **usual, **changes}


def _check(client: Client, **changes: str) -> str:
    return client.post(CHECK, _sent(**changes), headers={"HX-Request": "true"}).content.decode()


def test_a_right_request_becomes_an_operation_with_what_was_asked(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(ASK, _sent(ttl_days="3"))
    operation = Operation.objects.get()
    assert answer["Location"] == reverse("operation", args=[operation.pk])
    assert operation.arguments == {"parameters": {"size": "M", "greeting": "hi"}, "ttl_hours": 72}
    assert (operation.requester, operation.reason) == (demo.mara, "Try it.")


def test_sending_the_same_form_twice_asks_once(demo: Demo) -> None:
    client = signed_in(demo.mara)
    first, second = client.post(ASK, _sent()), client.post(ASK, _sent())
    assert first["Location"] == second["Location"]
    assert Operation.objects.count() == 1


def test_a_wrong_field_is_named_under_itself_and_nothing_is_written(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(ASK, _sent(**{"p-size": "XXL"}))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert '<div id="id_p-size_says"><p class="says says-block">' in text
    assert "One of S, M or L." in text
    assert not Environment.objects.exists()


def test_days_that_are_no_number_are_refused(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(ASK, _sent(ttl_days="soon"))
    assert answer.status_code == 422
    assert "A whole number of days." in answer.content.decode()
    assert not Environment.objects.exists()


def test_a_policy_refusal_is_shown_in_full_and_keeps_the_answers(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(ASK, _sent(name="Not-A-Label"))
    text = answer.content.decode()
    assert answer.status_code in {403, 409, 422}
    assert "env.name_label" in text
    assert 'value="Not-A-Label"' in text
    assert not Environment.objects.exists()


def test_checking_writes_nothing_and_says_cost_quota_and_signers(demo: Demo) -> None:
    text = _check(signed_in(demo.mara), tier="prod")
    assert "2 signatures" in text
    assert "Ines" in text
    assert "Tomasz" in text
    assert "Mara" not in text
    assert "€1.20" in text
    assert "0 of 20, this takes 1 more" in text
    assert not Environment.objects.exists()
    assert not Operation.objects.exists()


def test_checking_without_script_answers_the_whole_form(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(CHECK, _sent(**{"p-size": "XXL"}))
    assert answer.status_code == 200
    assert "<html" in answer.content.decode()
    assert "One of S, M or L." in answer.content.decode()


def test_a_full_quota_refuses_and_says_how_full(demo: Demo) -> None:
    with context(by="system:test"):
        Quota.objects.filter(team=demo.payments).update(limit=0)
    answer = signed_in(demo.mara).post(ASK, _sent())
    assert answer.status_code == 409
    assert "Payments uses 0 of 0 environments; this needs 1 more." in answer.content.decode()
    assert not Environment.objects.exists()
    assert not QuotaReservation.objects.exists()


@pytest.mark.parametrize("who", ["vera", "jonas", "ana", "pia", "olaf", "tomasz"])
def test_who_may_not_request_sees_why_and_cannot_send(demo: Demo, who: str) -> None:
    client = signed_in(getattr(demo, who))
    assert "There is no service you may request for." in client.get(ASK).content.decode()
    client.post(ASK, _sent())
    assert not Environment.objects.exists()


def test_the_answer_differs_by_how_it_is_asked(demo: Demo) -> None:
    assert "HX-Request" in signed_in(demo.mara).post(CHECK, _sent())["Vary"]


def test_a_name_that_is_taken_is_said_under_the_name(demo: Demo) -> None:
    made.environment(demo, "payments-api-x")
    answer = signed_in(demo.mara).post(ASK, _sent())
    text = answer.content.decode()
    assert answer.status_code == 409
    under_name = text.partition('id="id_name_says"')[2].partition("</div>")[0]
    assert "An environment named payments-api-x exists. Choose another name." in under_name
    assert Environment.objects.count() == 1
