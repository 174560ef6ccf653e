"""Target pages and API: registering, changing, checking, retiring, and credentials that go to Vault only."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from provisioning.drivers.base import DriverUnavailable
from provisioning.models import Breaker, Target
from provisioning.runs.checks import check_asked
from tests.noop import NoopDriver
from tests.portal.api import made
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = {"slug": "us-1", "driver": "noop", "name": "United States", "config": '{"server": "https://us.test.invalid"}'}


def sent(demo, who: str, address: str, **body):
    return signed_in(getattr(demo, who)).post(address, body)


def test_a_platform_engineer_registers_a_target_and_the_history_says_who(demo):
    answer = sent(demo, "pia", reverse("targets"), **ASKED, pool="us", concurrency="3")
    row = Target.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/targets/us-1/")
    assert (row.config, row.pool, row.concurrency) == ({"server": "https://us.test.invalid"}, "us", 3)
    told = AuditEvent.objects.get(event="target.registered", object=row.ref)
    assert told.actor == demo.pia.audit_ref


def test_nobody_else_registers_one_and_nothing_is_written(demo):
    answer = sent(demo, "mara", reverse("targets"), **ASKED)
    assert (answer.status_code, Target.objects.count()) == (403, 0)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("config", "[1]", "target.config"),
        ("config", '{"auth": {"password": "x"}}', "target.no_secret"),
        ("slug", "US", "target.slug"),
        ("driver", "nothing", "target.driver"),
        ("pool", "U S", "target.pool"),
        ("concurrency", "-1", "target.concurrency"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(demo, field, value, rule):
    answer = sent(demo, "pia", reverse("targets"), **{**ASKED, field: value})
    assert (answer.status_code, Target.objects.count()) == (422, 0)
    assert rule in answer.content.decode()


@pytest.mark.parametrize(
    ("driver", "config"),
    [
        ("kubernetes", {"server": "https://eu.test.invalid", "secret_store": {"name": "vault"}}),
        ("gitops", {"repository": "https://git.test.invalid/e.git", "repository_secret": "reader"}),
        ("terraform", {"environment": {"AWS_SECRET_ACCESS_KEY": "secret"}, "backend": {"type": "s3"}}),
    ],
)
def test_what_a_driver_declares_is_taken(demo, driver, config):
    answer = sent(demo, "pia", reverse("targets"), **{**ASKED, "driver": driver, "config": json.dumps(config)})
    assert answer.status_code == 302, answer.content.decode()
    assert Target.objects.get().config == config


@pytest.mark.parametrize(
    ("driver", "config", "rule"),
    [
        ("kubernetes", {"server": "https://eu.test.invalid", "token": "x"}, "target.no_secret"),
        ("kubernetes", {"namespace_prefix": "a-"}, "target.config"),
        ("gitops", {"repository": "https://git.test.invalid/e.git", "mode": "fax"}, "target.config"),
        ("terraform", {"backend": {"type": "pg", "config": {"password": "x"}}}, "target.no_secret"),
    ],
)
def test_what_a_driver_does_not_know_is_refused(demo, driver, config, rule):
    answer = sent(demo, "pia", reverse("targets"), **{**ASKED, "driver": driver, "config": json.dumps(config)})
    assert (answer.status_code, Target.objects.count()) == (422, 0)
    assert rule in answer.content.decode()


def test_config_is_checked_against_the_drivers_own_schema(demo, monkeypatch):
    monkeypatch.setattr(NoopDriver, "target_schema", {"type": "object", "required": ["region"]})
    answer = sent(demo, "pia", reverse("targets"), **ASKED)
    assert (answer.status_code, Target.objects.count()) == (422, 0)
    assert "region" in answer.content.decode()


def test_credentials_go_to_vault_and_neither_to_postgres_nor_to_the_page(demo, monkeypatch):
    kept = {}

    class Vault:
        def kv_put(self, path, values):
            kept[path] = {name: value.reveal() for name, value in values.items()}
            return 1

    monkeypatch.setattr("provisioning.actions.targets.from_settings", Vault)
    row = made.target()
    address = reverse("target_credentials", args=["eu-1"])
    page = sent(demo, "pia", address, name="token", value="hunter-2-value")
    row.refresh_from_db()
    assert (page.status_code, row.credentials) == (302, "targets/eu-1")
    assert kept == {"targets/eu-1": {"token": "hunter-2-value"}}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event WHERE audit_event::text LIKE '%hunter-2%'")
        assert cursor.fetchone()[0] == 0


def test_a_check_is_asked_for_by_a_person_and_done_by_a_worker(demo, monkeypatch):
    monkeypatch.setattr(NoopDriver, "check", lambda self, target: f"{target.name} answers.")
    row = made.target()
    assert sent(demo, "pia", reverse("target_check", args=["eu-1"])).status_code == 302
    assert check_asked() == 1
    row.refresh_from_db()
    assert (row.check_ok, row.check_message, row.check_asked_at) == (True, "eu-1 answers.", None)
    assert check_asked() == 0


def test_a_target_that_does_not_answer_a_check_says_so(demo, monkeypatch):
    def away(self, target):
        raise DriverUnavailable("No route to eu-1.")

    monkeypatch.setattr(NoopDriver, "check", away)
    made.target(check_asked_at=timezone.now())
    check_asked()
    page = signed_in(demo.mara).get(reverse("target", args=["eu-1"])).content.decode()
    assert "No route to eu-1." in page
    assert "Check failed" in page


def test_a_worker_checks_only_the_targets_of_its_pools(demo):
    made.target(check_asked_at=timezone.now(), pool="far")
    assert check_asked() == 0


def test_changing_the_pool_moves_what_waits(demo):
    row = made.target()
    where = made.environment(demo)
    waits = made.operation(demo, where, status="queued", target=row)
    done = made.operation(demo, where, target=row)
    answer = sent(demo, "pia", reverse("target", args=["eu-1"]), name="Europe", config="{}", pool="eu")
    waits.refresh_from_db()
    done.refresh_from_db()
    assert (answer.status_code, waits.pool, done.pool) == (302, "eu", "")


def test_a_target_with_living_environments_is_not_retired(demo):
    row = made.target()
    made.environment(demo, target=row)
    answer = sent(demo, "pia", reverse("target_retire", args=["eu-1"]))
    row.refresh_from_db()
    assert (answer.status_code, row.retired_at) == (409, None)
    assert "1 environments live on eu-1." in answer.content.decode()


def test_an_open_breaker_is_shown_with_since_when_and_the_next_try(demo):
    row = made.target()
    now = timezone.now()
    Breaker.objects.create(
        driver="noop", target=row, failures=6, opened_at=now, probe_at=now + timedelta(minutes=1), reason="Gone."
    )
    page = signed_in(demo.mara).get(reverse("target", args=["eu-1"])).content.decode()
    assert "Does not answer" in page
    assert "Open: nothing is taken until the next try." in page
    shown = signed_in(demo.mara).get(reverse("api:target", args=["eu-1"])).json()["breaker"]
    assert (shown["state"], shown["failures"], shown["reason"]) == ("open", 6, "Gone.")
