"""The list of environments and the page of one: filters, tabs, what can be asked, what a refusal leaves."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies.results import Denied
from portal.views import secrets as secrets_view
from provisioning.actions.secrets import Grant
from provisioning.models import Environment, Operation, SecretBinding
from provisioning.vault import Secret
from tests import people
from tests.people import Demo
from tests.portal.visits import signed_in

pytestmark = pytest.mark.django_db
LIST = "/environments/"


def _environment(demo: Demo, name: str = "payments-api-dev", tier: str = "dev", **fields) -> Environment:
    now = timezone.now()
    usual = {"status": "ready", "ready_at": now - timedelta(hours=10), "rate_running": "0.05"}
    return people.environment(demo, name, tier, **{**usual, **fields})


def _page(client: Client, environment: Environment, tab: str = "") -> str:
    return client.get(f"/environments/{environment.pk}/{tab}").content.decode()


def _names(client: Client, query: str) -> list[str]:
    answer = client.get(f"{LIST}?{query}")
    return [row.environment.name for row in answer.context["rows"]]


def test_every_filter_narrows_and_lives_in_the_address(demo: Demo) -> None:
    soon = timezone.now() + timedelta(hours=1)
    _environment(demo, "a-dev", expires_at=soon)
    _environment(demo, "b-stage", "stage", owner=demo.ines)
    _environment(demo, "c-dev", status="suspended")
    client = signed_in(demo.mara)
    assert _names(client, "") == ["a-dev", "b-stage", "c-dev"]
    assert _names(client, "tier=stage") == ["b-stage"]
    assert _names(client, "status=suspended") == ["c-dev"]
    assert _names(client, "mine=1") == ["a-dev", "c-dev"]
    assert _names(client, "expiring=1") == ["a-dev"]
    assert _names(client, "q=STAGE") == ["b-stage"]
    assert _names(client, "sort=-name") == ["c-dev", "b-stage", "a-dev"]
    assert _names(client, "service=elsewhere") == []


def test_what_is_destroyed_is_shown_only_when_asked_for(demo: Demo) -> None:
    _environment(demo, "gone", status="destroyed", destroyed_at=timezone.now())
    client = signed_in(demo.mara)
    assert _names(client, "") == []
    assert _names(client, "status=destroyed") == ["gone"]


def test_the_list_takes_the_same_number_of_queries_for_many_rows(demo: Demo, django_assert_max_num_queries) -> None:
    for number in range(30):
        _environment(demo, f"e-{number}")
    client = signed_in(demo.mara)
    with django_assert_max_num_queries(12):
        text = client.get(LIST).content.decode()
    assert "1–25 of 30 environments" in text


def test_htmx_gets_the_table_alone(demo: Demo) -> None:
    _environment(demo)
    answer = signed_in(demo.mara).get(LIST, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert "payments-api-dev" in answer.content.decode()
    assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize("tab", ["", "operations/", "releases/", "secrets/", "history/", "settings/"])
def test_every_tab_opens_for_everybody_of_the_team(demo: Demo, tab: str) -> None:
    environment = _environment(demo)
    for who in (demo.mara, demo.jonas, demo.vera, demo.ana, demo.pia):
        assert signed_in(who).get(f"/environments/{environment.pk}/{tab}").status_code == 200


def test_an_outsider_finds_nothing_and_changes_nothing(demo: Demo) -> None:
    environment = _environment(demo)
    client = signed_in(demo.olaf)
    assert client.get(f"/environments/{environment.pk}/").status_code == 404
    assert client.post(reverse("environment_ask", args=[environment.pk, "suspend"])).status_code == 404
    assert client.post(reverse("environment_extend", args=[environment.pk])).status_code == 404
    assert client.post(reverse("secret_reveal", args=[environment.pk, "database"])).status_code == 404
    assert not Operation.objects.exists()


def test_suspending_leads_to_its_operation(demo: Demo) -> None:
    environment = _environment(demo)
    answer = signed_in(demo.mara).post(reverse("environment_ask", args=[environment.pk, "suspend"]))
    operation = Operation.objects.get()
    assert (operation.kind, answer["Location"]) == ("suspend", reverse("operation", args=[operation.pk]))


def test_what_cannot_be_asked_now_says_why(demo: Demo) -> None:
    environment = _environment(demo, status="creating")
    text = _page(signed_in(demo.mara), environment)
    assert 'aria-disabled="true" aria-describedby="why-suspend"' in text
    assert "payments-api-dev is Provisioning; suspend needs Running." in text


def test_a_refusal_comes_back_on_the_page_with_its_status(demo: Demo) -> None:
    environment = _environment(demo)
    answer = signed_in(demo.vera).post(reverse("environment_ask", args=[environment.pk, "suspend"]))
    assert answer.status_code == 403
    assert 'role="alert"' in answer.content.decode()
    assert not Operation.objects.exists()


def test_destroying_prod_needs_its_name_typed(demo: Demo) -> None:
    environment = _environment(demo, "payments-api-prod", "prod")
    client, address = signed_in(demo.mara), reverse("environment_ask", args=[environment.pk, "destroy"])
    refused = client.post(address, {"confirm": "payments-api"})
    assert refused.status_code == 422
    assert "Destroying a prod environment needs its name typed." in refused.content.decode()
    assert not Operation.objects.exists()
    client.post(address, {"confirm": "payments-api-prod"})
    assert Operation.objects.get().kind == "destroy"


def test_extending_moves_the_end_by_a_week(demo: Demo) -> None:
    end = timezone.now() + timedelta(hours=3)
    environment = _environment(demo, expires_at=end)
    answer = signed_in(demo.mara).post(reverse("environment_extend", args=[environment.pk]), {"days": "7"})
    environment.refresh_from_db()
    assert answer.status_code == 302
    assert environment.expires_at == end + timedelta(days=7)


def test_extending_by_nonsense_changes_nothing(demo: Demo) -> None:
    end = timezone.now() + timedelta(hours=3)
    environment = _environment(demo, expires_at=end)
    answer = signed_in(demo.mara).post(reverse("environment_extend", args=[environment.pk]), {"days": "many"})
    environment.refresh_from_db()
    assert (answer.status_code, environment.expires_at) == (422, end)


def test_a_change_of_parameters_is_asked_with_what_was_sent(demo: Demo) -> None:
    end = timezone.now() + timedelta(days=3)
    environment = _environment(demo, parameters={"size": "S", "greeting": "hello"}, expires_at=end)
    address = reverse("environment_ask", args=[environment.pk, "update"])
    signed_in(demo.mara).post(address, {"p-size": "L", "p-greeting": "new"})
    assert Operation.objects.get().arguments == {"parameters": {"size": "L", "greeting": "new"}}


def test_the_cost_is_hours_times_rate(demo: Demo) -> None:
    environment = _environment(demo)
    assert "€0.50" in _page(signed_in(demo.mara), environment)


# Secrets


def _bound(demo: Demo) -> Environment:
    environment = _environment(demo)
    with context(by="system:test"):
        SecretBinding.objects.create(
            environment=environment,
            team=demo.payments,
            name="database",
            path="env/x/database",
            version=1,
            written_at=timezone.now(),
        )
    return environment


def _reveal(client: Client, environment: Environment, reason: str):
    return client.post(reverse("secret_reveal", args=[environment.pk, "database"]), {"reason": reason})


def test_a_value_is_shown_once_on_a_page_nobody_keeps(demo: Demo, monkeypatch) -> None:
    monkeypatch.setattr(secrets_view, "read_once", lambda grant: {"password": Secret("s3cr3t-value")})
    environment, client = _bound(demo), signed_in(demo.mara)
    answer = _reveal(client, environment, "Looking into a failed login")
    assert "s3cr3t-value" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.get(event="secret.revealed").reason == "Looking into a failed login"
    assert "s3cr3t-value" not in _page(client, environment, "secrets/")
    assert "s3cr3t-value" not in _page(client, environment, "history/")


@pytest.mark.parametrize(("who", "reason", "status"), [("mara", "no", 422), ("vera", "Curious about it", 403)])
def test_without_a_reason_or_the_right_nothing_is_read(demo: Demo, monkeypatch, who, reason, status) -> None:
    read: list[Grant] = []
    monkeypatch.setattr(secrets_view, "read_once", read.append)
    answer = _reveal(signed_in(getattr(demo, who)), _bound(demo), reason)
    assert (answer.status_code, read) == (status, [])
    assert not AuditEvent.objects.filter(event="secret.revealed").exists()


def test_when_the_vault_does_not_answer_the_page_says_so(demo: Demo, monkeypatch) -> None:
    silent = Denied("secret.readable", "", "Vault does not answer.", "Try again later.", status=503)
    monkeypatch.setattr(secrets_view, "read_once", lambda grant: silent)
    answer = _reveal(signed_in(demo.mara), _bound(demo), "Looking into a failed login")
    assert answer.status_code == 503
    assert "Vault does not answer." in answer.content.decode()
