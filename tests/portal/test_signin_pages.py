"""Signing in and out: what works once, what is refused, what the history keeps."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.context import context
from audit.models import AuditEvent
from policies import tokens
from policies.models import SignInLink, User
from portal import accounts
from portal.signin import DEMO_DOMAIN
from tests.people import Demo
from tests.portal.visits import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara(demo: Demo) -> User:
    with context(by="system:test"):
        demo.mara.set_password("a long enough password")
        demo.mara.save()
    return demo.mara


def _events(name: str) -> int:
    return AuditEvent.objects.filter(event=name).count()


def _try(client: Client, password: str, **more: str):
    return client.post(reverse("signin"), {"username": "mara", "password": password, **more})


def test_the_right_password_opens_a_session_and_is_recorded(mara: User, client: Client) -> None:
    answer = _try(client, "a long enough password", next="/environments/")
    assert (answer.status_code, answer["Location"]) == (302, "/environments/")
    assert client.session["_auth_user_id"] == str(mara.pk)
    assert _events("signin.succeeded") == 1


def test_a_wrong_password_says_so_and_opens_nothing(mara: User, client: Client) -> None:
    answer = _try(client, "wrong")
    assert answer.status_code == 403
    assert "User name and password do not match." in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.get(event="signin.failed").object == mara.audit_ref


def test_an_unknown_name_is_not_kept(mara: User, client: Client) -> None:
    client.post(reverse("signin"), {"username": "my secret password", "password": "x"})
    event = AuditEvent.objects.get(event="signin.failed")
    assert event.object == "user:unknown"
    assert "my secret password" not in str(vars(event))


def test_after_ten_failures_even_the_right_password_waits(mara: User, client: Client) -> None:
    for _ in range(accounts.FAILURES):
        _try(client, "wrong")
    answer = _try(client, "a long enough password")
    assert answer.status_code == 429
    assert "10 sign-ins failed within 15 minutes." in answer.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_signing_in_never_leads_elsewhere(mara: User, client: Client, target: str) -> None:
    assert _try(client, "a long enough password", next=target)["Location"] == "/"


def test_looking_at_a_link_spends_nothing_and_the_button_spends_it_once(demo: Demo, client: Client) -> None:
    address = reverse("signin_link", args=[tokens.create_link(by="system:test", user=demo.vera)])
    assert client.get(address).status_code == 200
    assert SignInLink.objects.get().used_at is None
    assert client.post(address)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(demo.vera.pk)
    second = Client().post(address)
    assert second.status_code == 410
    assert "This link is spent or too old" in second.content.decode()


def test_demo_people_are_neither_listed_nor_let_in_outside_debug(demo: Demo, client: Client, settings) -> None:
    with context(by="system:test"):
        User.objects.filter(pk=demo.mara.pk).update(email=f"mara@{DEMO_DOMAIN}")
    settings.DEBUG = False
    assert "Demo people" not in client.get(reverse("signin")).content.decode()
    assert client.post(reverse("signin_demo"), {"person": "mara"}).status_code == 404
    assert "_auth_user_id" not in client.session


def test_in_debug_a_demo_person_signs_in_with_one_click_and_others_do_not(demo: Demo, client: Client, settings) -> None:
    with context(by="system:test"):
        User.objects.filter(pk=demo.mara.pk).update(email=f"mara@{DEMO_DOMAIN}")
    settings.DEBUG = True
    assert client.post(reverse("signin_demo"), {"person": "jonas"}).status_code == 404
    assert client.post(reverse("signin_demo"), {"person": "mara"}).status_code == 302
    assert client.session["_auth_user_id"] == str(demo.mara.pk)


def test_signing_out_needs_a_post_and_ends_the_session(demo: Demo) -> None:
    client = signed_in(demo.mara)
    assert client.get(reverse("signout")).status_code == 405
    assert client.post(reverse("signout"))["Location"] == reverse("signin")
    assert "_auth_user_id" not in client.session
    assert _events("signin.ended") == 1


def test_a_form_without_its_token_changes_nothing(mara: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = _try(client, "a long enough password")
    assert answer.status_code == 403
    assert "Nothing was done" in answer.content.decode()
