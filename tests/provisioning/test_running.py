"""What runs is judged again by the policy of today: found, told once, shown, and forgotten when it is gone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEvent, OutboxEvent
from policies.bundles import store
from policies.models import Decision, Standing, Waiver
from provisioning.models import Environment
from provisioning.runs import running
from tests.policies.bundle_files import refusing
from tests.policies.conftest import fresh_engine
from tests.portal.api import made

__all__ = ["fresh_engine"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment(demo, fresh_engine):
    store.ensure_shipped()
    hours = {"expires_at": timezone.now() + timedelta(hours=5)}
    return made.environment(demo, ready_at=timezone.now(), parameters={"greeting": "rude"}, **hours)


def enforce(demo, word="rude", severity="block"):
    store.activate(by=demo.pia, bundle=store.keep(by=demo.pia, files=refusing(word, severity), source="test"))


def test_m9_what_was_allowed_once_and_breaks_a_rule_today_is_found_and_told_once(demo, environment):
    assert running.sweep() == {"judged": 1, "changed": 0, "gone": 0}
    assert Decision.objects.filter(point="running").count() == 0
    enforce(demo)
    assert running.sweep() == {"judged": 1, "changed": 1, "gone": 0}
    standing = Standing.objects.get(subject=environment.ref)
    assert (standing.allowed, [each["rule"] for each in standing.findings]) == (False, ["test.greeting"])
    assert Decision.objects.get(point="running").pk == standing.decision_id
    assert AuditEvent.objects.filter(event="environment.judged", object=environment.ref).count() == 1
    assert OutboxEvent.objects.get(topic="environment.judged").payload["rules"] == ["test.greeting"]


def test_the_same_outcome_again_is_no_news(demo, environment):
    enforce(demo)
    running.sweep()
    Standing.objects.update(judged_at=timezone.now() - timedelta(hours=1))
    before = Standing.objects.get().changed_at
    assert running.sweep() == {"judged": 1, "changed": 0, "gone": 0}
    assert (Decision.objects.filter(point="running").count(), Standing.objects.get().changed_at) == (1, before)


def test_what_is_put_right_is_news_again(demo, environment):
    enforce(demo)
    running.sweep()
    with store.context(by=demo.mara):
        Environment.objects.filter(pk=environment.pk).update(parameters={"greeting": "kind"})
    Standing.objects.update(judged_at=timezone.now() - timedelta(hours=1))
    assert running.sweep()["changed"] == 1
    assert (Standing.objects.get().allowed, Standing.objects.get().findings) == (True, [])
    assert list(Decision.objects.filter(point="running").order_by("pk").values_list("allowed", flat=True)) == [
        False,
        True,
    ]


def test_nothing_is_judged_twice_within_ten_minutes_by_the_same_bundle(demo, environment):
    running.sweep()
    assert running.sweep()["judged"] == 0


def test_a_batch_is_small_and_takes_what_was_never_judged_first(demo, environment, monkeypatch):
    running.sweep()
    Standing.objects.update(judged_at=timezone.now() - timedelta(hours=1))
    other = made.environment(demo, "payments-api-two", ready_at=timezone.now())
    monkeypatch.setattr(running, "BATCH", 1)
    running.sweep()
    assert Standing.objects.filter(subject=other.ref).exists()


def test_of_what_is_gone_nothing_is_said(demo, environment):
    enforce(demo)
    running.sweep()
    with store.context(by="system:test"):
        Environment.objects.filter(pk=environment.pk).update(status="failed")
    assert running.sweep()["gone"] == 1
    assert Standing.objects.count() == 0


def test_when_the_rules_cannot_be_asked_nothing_is_said(demo, environment, fresh_engine, monkeypatch):
    monkeypatch.setattr(fresh_engine, "INPUT_LIMIT", 10)
    assert running.sweep() == {"judged": 0, "changed": 0, "gone": 0}
    assert Standing.objects.count() == 0


def waived(demo, environment, expires_at):
    with store.context(by="system:test"):
        return Waiver.objects.create(
            rule="test.greeting",
            scope=environment.ref,
            label=environment.name,
            team=demo.payments,
            owner=demo.mara,
            reason="Until the new greeting is there.",
            asked_by=demo.mara,
            asked_at=timezone.now() - timedelta(hours=1),
            expires_at=expires_at,
            state="granted",
            decided_by=demo.pia,
            decided_at=timezone.now(),
            decision_reason="A day.",
        )


def test_a_waiver_is_seen_at_the_next_sweep_and_so_is_its_end(demo, environment, monkeypatch):
    store.activate(by=demo.pia, bundle=store.keep(by=demo.pia, files=waivable("rude"), source="test"))
    running.sweep()
    assert Standing.objects.get().allowed is False
    waived(demo, environment, timezone.now() + timedelta(hours=1))
    assert running.sweep() == {"judged": 1, "changed": 1, "gone": 0}
    assert [each["severity"] for each in Standing.objects.get().findings] == ["waived"]
    assert running.sweep()["judged"] == 0
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(running.timezone, "now", lambda: later)
    assert running.sweep()["changed"] == 1
    assert Standing.objects.get().allowed is False


def waivable(word):
    return tuple(
        (path, text.replace('"waiver": "Nobody"', '"waiver": "The platform team"')) for path, text in refusing(word)
    )
