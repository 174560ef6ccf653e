"""Warn, suspend, grace, destroy: each once, never in stage or prod, and an extension begins anew."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies.results import Denied
from provisioning import lifetimes
from provisioning.actions.control import end_lifetime, extend
from provisioning.models import Environment, Operation
from provisioning.runs import expiry
from tests.hostile import everything, refused_once, sqlstate
from tests.provisioning.engine import ask, drain, ready
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db
NOTHING = {"warned": 0, "suspended": 0, "destroyed": 0, "repeated": 0}


def living(demo, status: str = "ready", tier: str = "dev", **fields) -> Environment:
    row = environment_in(demo, status, tier=tier)
    now = timezone.now()
    fields = {"expires_at": now + timedelta(days=14), "expires_at_most": row.created_at + timedelta(days=60), **fields}
    with context(by="system:test"):
        Environment.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


@pytest.mark.django_db(transaction=True)
def test_a_life_is_warned_suspended_and_destroyed_each_once(demo):
    environment = ready(demo)
    end = environment.expires_at
    assert expiry.sweep(end - timedelta(hours=settings.BERTH.warn_before_hours, seconds=1)) == NOTHING
    assert expiry.sweep(end - timedelta(hours=settings.BERTH.warn_before_hours)) == {**NOTHING, "warned": 1}
    assert expiry.sweep(end - timedelta(seconds=1)) == NOTHING
    assert expiry.sweep(end) == {**NOTHING, "suspended": 1}
    assert expiry.sweep(end) == NOTHING
    drain()
    environment.refresh_from_db()
    assert (environment.status, environment.expired_at) == ("suspended", end)
    grace = end + timedelta(hours=settings.BERTH.grace_hours)
    assert expiry.sweep(grace - timedelta(seconds=1)) == NOTHING
    assert expiry.sweep(grace) == {**NOTHING, "destroyed": 1}
    assert expiry.sweep(grace) == NOTHING
    drain()
    environment.refresh_from_db()
    assert environment.status == "destroyed"
    assert expiry.sweep(grace + timedelta(days=400)) == NOTHING
    kinds = Operation.objects.filter(origin="schedule").order_by("created_at").values_list("kind", "requester")
    assert list(kinds) == [("suspend", None), ("destroy", None)]


def test_a_warning_is_one_message_and_one_event(demo):
    row = living(demo, expires_at=timezone.now() + timedelta(hours=1))
    assert (expiry.sweep()["warned"], expiry.sweep()["warned"]) == (1, 0)
    message = OutboxEvent.objects.get(topic="environment.expiring")
    assert (message.object, message.payload) == (row.ref, {"expires_at": row.expires_at.isoformat()})
    assert AuditEvent.objects.filter(event="environment.warned", object=row.ref).count() == 1


@pytest.mark.parametrize("tier", ["stage", "prod"])
def test_stage_and_prod_never_expire(demo, tier):
    past = timezone.now() - timedelta(days=30)
    living(demo, tier=tier, expires_at=past)
    before = everything()
    assert expiry.sweep() == NOTHING
    assert everything() == before


@pytest.mark.parametrize("tier", ["stage", "prod"])
def test_the_database_refuses_expiry_of_stage_and_prod(demo, tier):
    row = living(demo, tier=tier)
    assert sqlstate("UPDATE provisioning_environment SET expired_at = now()") == "23514"
    assert sqlstate("UPDATE provisioning_environment SET warned_at = now()") == "23514"
    fields = {"kind": "suspend", "environment": row, "team": demo.payments, "tier": tier, "origin": "schedule"}
    with pytest.raises(IntegrityError, match="prod_like_never_changed_by_schedule"), context(by="system:test"):
        Operation.objects.create(**fields)


def test_what_a_person_suspended_has_an_end_too(demo):
    end = timezone.now() - timedelta(hours=1)
    row = living(demo, "suspended", expires_at=end, suspended_at=end - timedelta(days=3))
    now = timezone.now()
    assert expiry.sweep(now) == NOTHING
    row.refresh_from_db()
    assert row.expired_at == now
    assert expiry.sweep(now + timedelta(hours=settings.BERTH.grace_hours))["destroyed"] == 1


def test_an_extension_begins_anew(demo):
    now = timezone.now()
    row = living(demo, "suspended", expires_at=now - timedelta(hours=1), expired_at=now, warned_at=now)
    answer = extend(by=demo.mara, environment=row, hours=48)
    assert isinstance(answer, Environment)
    row.refresh_from_db()
    assert (row.warned_at, row.expired_at) == (None, None)
    assert timedelta(hours=47) < row.expires_at - now <= timedelta(hours=48, seconds=5)
    assert expiry.sweep(now + timedelta(hours=settings.BERTH.grace_hours + 1))["destroyed"] == 0


def test_resuming_after_the_end_needs_an_extension_first(demo):
    from provisioning.actions.change import Ask, submit

    row = living(demo, "suspended", expires_at=timezone.now() - timedelta(hours=1))
    denied = refused_once(lambda: submit(by=demo.mara, ask=Ask(row, "resume")))
    assert (denied.rule, denied.fix) == ("ttl.over", "Extend it first, then resume it.")
    assert extend(by=demo.mara, environment=row, hours=2)
    row.refresh_from_db()
    assert isinstance(submit(by=demo.mara, ask=Ask(row, "resume")), Operation)


def test_the_maximum_counts_from_creation_and_says_how_much_is_left(demo):
    row = living(demo)
    left = int((row.expires_at_most - row.expires_at).total_seconds() // 3600)
    denied = refused_once(lambda: extend(by=demo.mara, environment=row, hours=left + 1))
    assert (denied.rule, denied.status) == ("ttl.maximum", 422)
    assert denied.fix == f"Extend by at most {left} hours, or request a new environment."
    assert extend(by=demo.mara, environment=row, hours=left)
    assert sqlstate("UPDATE provisioning_environment SET expires_at = expires_at_most + interval '1 s'") == "23514"


@pytest.mark.parametrize("hours", [0, -1, 24 * 90 + 1, 10**9])
def test_an_extension_out_of_range_is_refused(demo, hours):
    row = living(demo)
    assert refused_once(lambda: extend(by=demo.mara, environment=row, hours=hours)).rule == "ttl.hours"


@pytest.mark.parametrize("status", ["requested", "creating", "changing", "failed", "destroying", "destroyed"])
def test_only_what_runs_or_is_suspended_is_extended(demo, status):
    row = living(demo, status)
    assert refused_once(lambda: extend(by=demo.mara, environment=row, hours=1)).rule == "environment.status"
    at = row.expires_at - timedelta(hours=1)
    assert refused_once(lambda: end_lifetime(by=demo.mara, environment=row, at=at)).rule == "environment.status"


def test_a_policy_that_is_out_of_order_does_nothing_this_time(demo, monkeypatch):
    from provisioning import judging

    living(demo, expires_at=timezone.now() - timedelta(hours=1), warned_at=timezone.now())
    real = judging.facts.gather
    monkeypatch.setattr(judging.facts, "gather", lambda *a, **k: (_ for _ in ()).throw(judging.facts.MissingFacts("x")))
    before = everything()
    assert expiry.sweep() == NOTHING
    assert everything() == before
    monkeypatch.setattr(judging.facts, "gather", real)
    assert expiry.sweep()["suspended"] == 1


def test_an_operation_under_way_is_waited_for(demo):
    row = living(demo, expires_at=timezone.now() - timedelta(hours=1), warned_at=timezone.now())
    ask(demo, row, "suspend")
    assert expiry.sweep()["suspended"] == 0


def test_lifetimes_are_counted_in_whole_hours_from_the_start():
    start = timezone.now()
    assert lifetimes.expiry(start=start, ttl_hours=None, at_most=None) is None
    assert lifetimes.expiry(start=start, ttl_hours=5, at_most=None) == start + timedelta(hours=5)
    assert lifetimes.expiry(start=start, ttl_hours=5, at_most=start) == start
    assert isinstance(lifetimes.extended(expires=None, hours=1, now=start, at_most=None), Denied)
