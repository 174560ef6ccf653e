"""Every table is watched or exempt with a reason, and a whole journey leaves both sides of every change."""

import pytest
from django.contrib.auth import login
from django.test import RequestFactory

from audit import registry
from audit.context import context
from audit.models import AuditEvent
from provisioning.actions.control import extend
from provisioning.actions.sign import approve
from tests.provisioning.engine import ask, drain, ready, requested


def test_every_table_is_listed():
    assert registry.unlisted_tables() == []


def test_every_exemption_says_why():
    reasons = [rule.reason for rule in registry.registered().values() if isinstance(rule, registry.Exempt)]
    assert all(len(reason) > 15 for reason in reasons)


@pytest.mark.django_db
def test_every_watched_table_has_its_triggers(db):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit_row' AND tgenabled = 'A'")
        installed = {row[0] for row in cursor.fetchall()}
    assert {each.table for each in registry.watched_tables()} <= installed


@pytest.mark.django_db(transaction=True)
def test_a_journey_leaves_both_sides_of_every_change(demo):
    environment = ready(demo)
    for kind in ("suspend", "resume"):
        ask(demo, environment, kind)
        drain()
        environment.refresh_from_db()
    assert extend(by=demo.mara, environment=environment, hours=2)
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    drain()
    ask(demo, environment, "destroy")
    drain()
    for row in AuditEvent.objects.filter(source="row"):
        verb = row.event.rpartition(".")[2]
        assert (row.before is None, row.after is None) == (verb == "inserted", verb == "deleted"), row
        if verb == "updated":
            assert row.before.keys() == row.after.keys()
            assert all(row.before[name] != row.after[name] for name in row.after)
        assert row.actor
    statuses = AuditEvent.objects.filter(event="environment.updated", object=environment.ref, after__has_key="status")
    steps = [(row.before["status"], row.after["status"]) for row in statuses.order_by("id")]
    assert steps == [
        ("requested", "creating"),
        ("creating", "ready"),
        ("ready", "changing"),
        ("changing", "suspended"),
        ("suspended", "changing"),
        ("changing", "ready"),
        ("ready", "destroying"),
        ("destroying", "destroyed"),
    ]


@pytest.mark.django_db
def test_signing_in_writes_nothing_outside_the_history(demo):
    request = RequestFactory().post("/")
    from django.contrib.sessions.backends.db import SessionStore

    request.session = SessionStore()
    login(request, demo.mara, backend="django.contrib.auth.backends.ModelBackend")
    assert not AuditEvent.objects.filter(event="user.updated").exists()


@pytest.mark.django_db
def test_a_password_never_enters_the_history(demo):
    demo.mara.set_password("correct horse battery")
    with context(by=demo.mara):
        demo.mara.save()
    row = AuditEvent.objects.filter(event="user.updated").latest("id")
    assert (row.before["password"], row.after["password"]) == ("•••", "••• (changed)")
