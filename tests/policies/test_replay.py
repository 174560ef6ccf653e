"""What another bundle would have said: replay over recorded facts, shadow beside the one in force, and forgetting."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from policies.bundles import replay, store
from policies.decisions import record_ruling
from policies.engine import ENGINE, Finding, Ruling
from policies.models import Decision, DecisionInput, Replay, ShadowDecision
from policies.results import Denied
from tests.policies.policy_facts import NOW, facts
from tests.policies.test_bundles import kept

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(demo, fresh_engine):
    """Record what the bundle in force says to these greetings."""
    store.ensure_shipped()

    def decide(*words, owner="mara", point="request"):
        for word in words:
            made = facts(environment={"parameters": {"greeting": word}, "owner": owner})
            ruling = fresh_engine.judge("request", made, now=NOW)
            with context(by=demo.mara):
                record_ruling(ruling, subject=f"environment:{word}", point=point, kind="create", team=demo.payments)

    return decide


def test_a_replay_counts_what_would_have_been_blocked_and_names_each(demo, decided):
    decided("rude", "kind", "kind", "polite")
    asked = replay.ask_replay(by=demo.pia, bundle=kept(demo), days=7)
    assert replay.run_replays() == 1
    asked.refresh_from_db()
    assert (asked.judged, asked.blocked, asked.freed) == (4, 1, 0)
    [row] = asked.rows
    assert Decision.objects.get(pk=row["decision"]).subject == "environment:rude"
    assert [finding["rule"] for finding in row["findings"]] == ["test.greeting"]
    assert replay.run_replays() == 0


def test_a_replay_counts_what_would_have_been_allowed(demo, decided, fresh_engine):
    store.activate(by=demo.pia, bundle=kept(demo, "rude"))
    decided("rude", "kind")
    assert replay.counted(kept(demo, "kind"), 1) | {"rows": []} == {
        "judged": 2,
        "unjudged": 0,
        "blocked": 1,
        "freed": 1,
        "rows": [],
    }


def test_a_replay_looks_back_as_far_as_asked_and_only_at_what_decided(demo, decided, time_machine):
    decided("rude")
    decided("checked", point="check")
    made = kept(demo)
    time_machine.move_to(timezone.now() + timedelta(days=3))
    assert [replay.counted(made, days)["judged"] for days in (2, 4)] == [0, 1]


def test_a_shadow_judges_nothing_that_was_decided_before_it_was_made(demo, decided):
    decided("rude")
    store.shadow(by=demo.pia, bundle=kept(demo))
    decided("coarse")
    assert replay.follow_shadow() == 1
    assert ShadowDecision.objects.get().decision.subject == "environment:coarse"


def test_a_replay_counts_facts_that_are_gone_as_not_judged(demo, decided):
    decided("rude", "coarse")
    DecisionInput.objects.filter(digest=Decision.objects.get(subject="environment:coarse").input_digest).delete()
    found = replay.counted(kept(demo), 7)
    assert (found["judged"], found["unjudged"]) == (1, 1)


def older(subject):
    """As if the version that wrote these facts had not known the window yet."""
    row = DecisionInput.objects.get(digest=Decision.objects.get(subject=subject).input_digest)
    facts = {name: value for name, value in json.loads(row.document).items() if name != "window"}
    return DecisionInput(digest=row.digest, document=json.dumps(facts))


def test_facts_of_an_older_version_are_counted_as_not_judged_and_stop_nothing(demo, decided):
    made = store.shadow(by=demo.pia, bundle=kept(demo))
    decided("rude", "coarse", "kind")
    row = older("environment:coarse")
    DecisionInput.objects.filter(digest=row.digest).delete()
    row.save(force_insert=True)
    found = replay.counted(made, 7)
    assert (found["judged"], found["unjudged"], found["blocked"], found["freed"]) == (2, 1, 1, 0)
    assert [Decision.objects.get(pk=each["decision"]).subject for each in found["rows"]] == ["environment:rude"]
    assert (replay.follow_shadow(), replay.follow_shadow()) == (3, 0)
    assert not ShadowDecision.objects.get(decision__subject="environment:coarse").differs


def test_an_engine_that_gives_no_answer_blocks_nothing_in_a_replay(demo, decided, monkeypatch):
    decided("rude")
    monkeypatch.setattr(
        replay,
        "ask",
        lambda *asked: Ruling(
            False, (Finding(ENGINE, "block", "", None, "It did not end.", "Try again.", "Pia"),), (), "", "", 1
        ),
    )
    found = replay.counted(kept(demo), 7)
    assert (found["judged"], found["unjudged"], found["blocked"], found["rows"]) == (0, 1, 0, [])


@pytest.mark.parametrize("days", [0, 31])
def test_a_replay_over_too_many_days_is_refused(demo, days):
    assert replay.ask_replay(by=demo.pia, bundle=kept(demo), days=days).rule == "policy.replay_days"
    assert Replay.objects.count() == 0


def test_asking_twice_is_one_replay_and_nobody_else_may_ask(demo):
    made = kept(demo)
    first = replay.ask_replay(by=demo.pia, bundle=made, days=7)
    assert replay.ask_replay(by=demo.pia, bundle=made, days=9).pk == first.pk
    assert isinstance(replay.ask_replay(by=demo.ines, bundle=made, days=7), Denied)


def test_a_bundle_in_shadow_says_what_it_would_have_done_and_does_nothing(demo, decided, fresh_engine):
    made = store.shadow(by=demo.pia, bundle=kept(demo))
    decided("rude", "kind")
    assert replay.follow_shadow() == 2
    said = {row.decision.subject: (row.allowed, row.differs) for row in ShadowDecision.objects.filter(bundle=made)}
    assert said == {"environment:rude": (False, True), "environment:kind": (True, False)}
    assert set(Decision.objects.values_list("allowed", flat=True)) == {True}
    assert replay.follow_shadow() == 0


def test_without_a_bundle_in_shadow_nothing_is_judged(demo, decided):
    decided("rude")
    assert replay.follow_shadow() == 0


def test_facts_are_kept_once_byte_for_byte_and_forgotten_after_a_month(demo, decided):
    decided("rude", "rude", "kind")
    assert DecisionInput.objects.count() == 2
    row = DecisionInput.objects.get(digest=Decision.objects.filter(subject="environment:kind").get().input_digest)
    assert '"greeting":"kind"' in row.document
    assert replay.forget_old() == 0
    replay.DecisionInput.objects.bulk_create([DecisionInput(digest="sha256:old", document="{}")])
    later = timezone.now() + timedelta(days=31)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay.timezone, "now", lambda: later)
        assert replay.forget_old() == 3
    assert Decision.objects.count() == 3


def test_what_was_waived_then_is_no_difference(demo, decided):
    decided("rude")
    row = Decision.objects.get()
    finding = {"rule": "test.greeting", "severity": "waived"}
    ruling = next(replay.again(kept(demo), Decision.objects.filter(pk=row.pk))).ruling
    assert replay.Again(row, ruling).differs
    row.findings = [finding]
    assert not replay.Again(row, ruling).differs
