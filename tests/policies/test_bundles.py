"""Bundles as data: stored when they pass, one in force everywhere, the old one kept, nothing changed by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit.models import AuditEvent, OutboxEvent
from policies.bundles import store
from policies.models import BundleState, PolicyBundle
from policies.results import Denied
from tests.policies.bundle_files import RULE, TEST, refusing
from tests.policies.policy_facts import NOW, facts

pytestmark = pytest.mark.django_db


def kept(demo, word="rude", severity="block"):
    made = store.keep(by=demo.pia, files=refusing(word, severity), source="test")
    assert isinstance(made, PolicyBundle), made
    return made


def greet(engine, word):
    return engine.judge("request", facts(environment={"parameters": {"greeting": word}}), now=NOW)


def test_the_shipped_bundle_is_in_force_until_another_one_is(demo, fresh_engine):
    made = store.ensure_shipped()
    assert (made.state, made.source, store.ensure_shipped()) == ("active", "shipped", None)
    assert greet(fresh_engine, "rude").bundle == made.digest


def test_a_bundle_in_force_is_followed_at_the_next_judgement(demo, fresh_engine):
    store.ensure_shipped()
    assert greet(fresh_engine, "rude").allowed
    made = kept(demo)
    assert greet(fresh_engine, "rude").allowed
    assert store.activate(by=demo.pia, bundle=made).state == BundleState.ACTIVE
    ruling = greet(fresh_engine, "rude")
    assert (ruling.allowed, ruling.bundle, ruling.findings[0].rule) == (False, made.digest, "test.greeting")
    assert greet(fresh_engine, "kind").allowed


def test_the_bundle_before_is_retired_kept_and_can_come_back(demo, fresh_engine):
    first = store.ensure_shipped()
    store.activate(by=demo.pia, bundle=kept(demo))
    first.refresh_from_db()
    assert (first.state, first.retired_at is not None) == ("retired", True)
    assert greet(fresh_engine, "rude").allowed is False
    assert store.activate(by=demo.pia, bundle=first).state == "active"
    assert greet(fresh_engine, "rude").allowed
    assert PolicyBundle.objects.filter(state="active").count() == 1


def test_coming_into_force_is_an_event_and_a_message(demo):
    store.ensure_shipped()
    made = store.activate(by=demo.pia, bundle=kept(demo))
    event = AuditEvent.objects.filter(event="bundle.activated").latest("id")
    assert (event.actor, event.object, event.data["digest"]) == (demo.pia.audit_ref, made.ref, made.digest)
    assert OutboxEvent.objects.filter(topic="policy.activated", object=made.ref).count() == 1


def test_the_same_content_is_the_same_bundle(demo):
    assert kept(demo).pk == kept(demo).pk


def test_another_version_that_ships_comes_into_force_only_where_nothing_else_was(demo, monkeypatch):
    store.ensure_shipped()
    mine = store.activate(by=demo.pia, bundle=kept(demo))
    newer = refusing("newer")
    monkeypatch.setattr(store.checks, "read", lambda path: newer)
    assert store.ensure_shipped().state == "draft"
    mine.refresh_from_db()
    assert mine.state == "active"


@pytest.mark.parametrize("who", ["mara", "ines", "ana"])
def test_only_platform_engineers_draft_and_activate_and_a_refusal_changes_nothing(demo, who):
    made = kept(demo)
    by = getattr(demo, who)
    for act in (store.activate, store.shadow, store.withdraw):
        refused = act(by=by, bundle=made)
        assert isinstance(refused, Denied)
        assert refused.rule == "role.manage_policies"
    assert isinstance(store.draft(by=by), Denied)
    made.refresh_from_db()
    assert (made.state, AuditEvent.objects.filter(event="bundle.refused").count()) == ("draft", 4)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("findings contains {\n", "mine/greeting.rego:"),
        (RULE.replace("said ==", "other ==") % ("block", "rude"), "mine/greeting.rego:7:5: use of undefined"),
        (RULE.replace('said == "%s"', 'polite(said, "%s")') % ("block", "rude"), "mine/greeting.rego:7: polite is"),
        (RULE.replace('said == "%s"', 'time.now_ns() > count("%s")') % ("block", "rude"), "7: time.now_ns is neither"),
        (RULE.replace('said == "%s"', 'said == "%s"\n\tfalse') % ("block", "rude"), "is not true"),
    ],
    ids=["syntax", "unsafe", "undefined", "builtin", "never fires"],
)
def test_a_bundle_that_does_not_pass_is_refused_with_its_place_and_not_stored(demo, rule, says):
    files = [(path, rule if path == "mine/greeting.rego" else text) for path, text in refusing("rude")]
    refused = store.keep(by=demo.pia, files=tuple(files), source="test")
    assert isinstance(refused, Denied)
    assert says in refused.reason
    assert [error.rule for error in refused.errors] == ["policy.bundle"] * len(refused.errors)
    assert PolicyBundle.objects.count() == 0


def test_a_bundle_is_checked_again_before_it_comes_into_force(demo, monkeypatch):
    made = kept(demo)
    monkeypatch.setattr(store.checks, "BUILTINS", store.checks.BUILTINS - {"count"})
    refused = store.activate(by=demo.pia, bundle=made)
    assert isinstance(refused, Denied)
    assert "count is neither allowed nor defined here." in refused.reason
    made.refresh_from_db()
    assert made.state == "draft"


def test_shadow_and_back_and_one_at_a_time(demo):
    one, two = kept(demo, "one"), kept(demo, "two")
    assert store.shadow(by=demo.pia, bundle=one).state == "shadow"
    assert store.shadow(by=demo.pia, bundle=two).state == "shadow"
    one.refresh_from_db()
    assert one.state == "draft"
    assert store.withdraw(by=demo.pia, bundle=two).state == "draft"
    assert store.withdraw(by=demo.pia, bundle=two).state == "retired"
    refused = store.withdraw(by=demo.pia, bundle=two)
    assert (refused.rule, refused.status) == ("policy.bundle_state", 409)


def test_the_one_in_force_cannot_go_into_shadow(demo):
    made = store.ensure_shipped()
    assert store.shadow(by=demo.pia, bundle=made).rule == "policy.bundle_state"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE policies_policybundle SET files = '[]'",
        "UPDATE policies_policybundle SET digest = 'sha256:other'",
        "DELETE FROM policies_policybundle",
        "TRUNCATE policies_policybundle CASCADE",
        "UPDATE policies_decisioninput SET document = '{}'",
    ],
)
def test_the_apps_role_can_change_no_content(demo, sql):
    kept(demo)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_knows_one_bundle_in_force(demo):
    store.ensure_shipped()
    made = kept(demo)
    with pytest.raises(IntegrityError), store.context(by=demo.pia):
        PolicyBundle.objects.filter(pk=made.pk).update(state="active", activated_at=NOW)


def test_a_stored_bundle_that_was_altered_denies(demo, fresh_engine, monkeypatch):
    made = store.activate(by=demo.pia, bundle=kept(demo))
    monkeypatch.setattr(PolicyBundle, "from_db", classmethod(_altered(PolicyBundle.from_db.__func__)))
    ruling = greet(fresh_engine, "kind")
    assert (ruling.allowed, ruling.findings[0].rule) == (False, "policy.engine")
    assert "is not what its digest says" in ruling.findings[0].message
    assert made.state == "active"


def _altered(load):
    def loaded(cls, db, names, values):
        row = load(cls, db, names, values)
        if "files" in names:
            row.files = [["mine/greeting.rego", RULE % ("warn", "rude")], ["mine/greeting_test.rego", TEST % "rude"]]
        return row

    return loaded


@pytest.mark.django_db(transaction=True)
def test_a_process_that_judges_already_follows_the_bundle_of_another_one(demo):
    """Two processes: this one activates, the other one has judged before and judges again."""
    store.ensure_shipped()
    made = kept(demo)
    with subprocess.Popen(
        [sys.executable, "-c", OTHER],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline().strip() == "True"
        assert isinstance(store.activate(by=demo.pia, bundle=made), PolicyBundle)
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline().strip() == f"False {made.digest}"


OTHER = """
import django; django.setup()
from policies import engine
from tests.policies.policy_facts import NOW, facts
made = facts(environment={"parameters": {"greeting": "rude"}})
print(engine.judge("request", made, now=NOW).allowed, flush=True)
input()
ruling = engine.judge("request", made, now=NOW)
print(ruling.allowed, ruling.bundle, flush=True)
"""
