"""Home by role, teams, settings, tokens, the catalogue and the pages for errors."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from catalog.models import Template
from policies.models import ApiToken
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import signed_in

pytestmark = pytest.mark.django_db


def _text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_a_developer_sees_what_failed_what_ends_and_what_it_costs(demo: Demo) -> None:
    now = timezone.now()
    ends = now + timedelta(hours=3)
    made.environment(demo, "ends-soon", ready_at=now - timedelta(hours=2), rate_running="0.5", expires_at=ends)
    broken = made.environment(demo, "broken", status="failed")
    made.operation(demo, broken, kind="create", status="failed", error="The probe answered 503.")
    text = _text(signed_in(demo.mara), "/")
    assert "Create broken: Failed" in text
    assert "The probe answered 503." in text
    assert "ends-soon is suspended in 2 h 59 min" in text
    assert "€1.00" in text
    assert "Request environment" in text


def test_an_approver_sees_what_waits_for_the_signature_first(demo: Demo) -> None:
    operation = made.awaiting(demo)
    text = _text(signed_in(demo.jonas), "/")
    assert reverse("approval", args=[operation.pk]) in text
    assert "Change payments-api-prod" in text
    assert "Review plan" not in _text(signed_in(demo.mara), "/")


def test_an_auditor_gets_the_history_and_a_platform_engineer_the_health(demo: Demo) -> None:
    assert "Newest events" in _text(signed_in(demo.ana), "/")
    assert "No worker has taken a task in the last minute." in _text(signed_in(demo.pia), "/")
    assert "Newest events" not in _text(signed_in(demo.mara), "/")


def test_home_takes_a_bounded_number_of_queries(demo: Demo, django_assert_max_num_queries) -> None:
    for number in range(12):
        where = made.environment(demo, f"e-{number}", expires_at=timezone.now() + timedelta(hours=1))
        made.operation(demo, where, status="failed")
    client = signed_in(demo.mara)
    with django_assert_max_num_queries(22):
        client.get("/")


def test_the_team_in_focus_is_one_the_viewer_may_see(demo: Demo) -> None:
    client = signed_in(demo.ana)
    answer = client.post(reverse("team_switch"), {"team": "payments", "next": "/teams/"})
    assert (answer["Location"], client.session["team"]) == ("/teams/", "payments")
    outsider = signed_in(demo.olaf)
    assert outsider.post(reverse("team_switch"), {"team": "payments"}).status_code == 404
    assert "team" not in outsider.session


def test_a_team_page_says_who_may_do_what(demo: Demo) -> None:
    text = _text(signed_in(demo.vera), reverse("team", args=["payments"]))
    assert "Ines" in text
    assert "Jonas" in text
    assert "0 of 20" in text
    assert signed_in(demo.olaf).get(reverse("team", args=["payments"])).status_code == 404


def test_the_time_zone_is_kept_and_a_wrong_one_refused(demo: Demo) -> None:
    client = signed_in(demo.mara)
    assert client.post(reverse("settings_page"), {"time_zone": "Europe/Stockholm"}).status_code == 302
    demo.mara.refresh_from_db()
    assert demo.mara.time_zone == "Europe/Stockholm"
    refused = client.post(reverse("settings_page"), {"time_zone": "Mars/Base"})
    demo.mara.refresh_from_db()
    assert (refused.status_code, demo.mara.time_zone) == (422, "Europe/Stockholm")
    assert "There is no such time zone." in refused.content.decode()


def test_a_token_is_shown_once_and_can_be_revoked(demo: Demo) -> None:
    client = signed_in(demo.mara)
    answer = client.post(reverse("tokens"), {"name": "pipeline", "scopes": ["read"], "days": "30"})
    token = ApiToken.objects.get()
    assert f'<code class="secret">{token.prefix}' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert 'class="secret"' not in _text(client, reverse("tokens"))
    client.post(reverse("token_revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_token_is_rotated_once_and_the_new_value_is_shown_once(demo: Demo) -> None:
    client = signed_in(demo.mara)
    client.post(reverse("tokens"), {"name": "pipeline", "scopes": ["read"], "days": "30"})
    old = ApiToken.objects.get()
    answer = client.post(reverse("token_rotate", args=[old.pk]))
    new = ApiToken.objects.get(replaces=old)
    assert f'<code class="secret">{new.prefix}' in answer.content.decode()
    assert (answer.status_code, new.name, new.scopes) == (200, "pipeline", ["read"])
    again = client.post(reverse("token_rotate", args=[old.pk]))
    assert (again.status_code, ApiToken.objects.count()) == (409, 2)
    assert "It has been rotated already." in again.content.decode()
    assert signed_in(demo.jonas).post(reverse("token_rotate", args=[new.pk])).status_code == 404


def test_a_token_without_scope_is_refused_with_the_reason(demo: Demo) -> None:
    answer = signed_in(demo.mara).post(reverse("tokens"), {"name": "x", "days": "30"})
    assert answer.status_code == 422
    assert "One or more of read" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_the_token_of_somebody_else_does_not_exist(demo: Demo) -> None:
    signed_in(demo.mara).post(reverse("tokens"), {"name": "x", "scopes": ["read"], "days": "30"})
    token = ApiToken.objects.get()
    assert signed_in(demo.jonas).post(reverse("token_revoke", args=[token.pk])).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_the_catalogue_compares_and_filters(demo: Demo) -> None:
    client = signed_in(demo.vera)
    assert "web-service 1.0.0" in _text(client, reverse("catalogue"))
    assert "No template matches." in _text(client, reverse("catalogue") + "?q=zzz")
    assert "Request</a>" not in _text(client, reverse("catalogue"))
    assert "Request</a>" in _text(signed_in(demo.mara), reverse("catalogue"))


def test_a_template_says_fields_price_and_who_signs(demo: Demo) -> None:
    text = _text(signed_in(demo.mara), reverse("template", args=["web-service"]))
    assert "Greeting" in text
    assert "1.20" in text
    assert "2 signatures" in text
    assert "can change" in text


def test_a_retired_template_cannot_be_requested(demo: Demo) -> None:
    with context(by="system:test"):
        Template.objects.update(state="retired")
    client = signed_in(demo.mara)
    assert "This template is retired" in _text(client, reverse("template", args=["web-service"]))
    assert client.get(reverse("request", args=["web-service"])).status_code == 404


def test_an_unknown_address_says_so_in_plain_words(demo: Demo) -> None:
    answer = signed_in(demo.mara).get("/nowhere/")
    assert answer.status_code == 404
    assert "Nothing here for you" in answer.content.decode()


def test_a_fault_of_ours_answers_without_database_or_session(demo: Demo, monkeypatch) -> None:
    client = signed_in(demo.mara, raise_request_exception=False)
    monkeypatch.setattr("portal.views.people.shell_of", lambda request: 1 // 0)
    answer = client.get(reverse("shortcuts"))
    assert answer.status_code == 500
    assert "This is a fault of the portal" in answer.content.decode()
