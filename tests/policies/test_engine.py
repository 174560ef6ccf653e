"""The engine fails closed: whatever cannot be judged is refused with a sentence."""

from datetime import datetime

import pytest

from policies.bundle import Refusal
from policies.pool import Pool
from tests.policies.policy_facts import NOW, facts


def assert_fails_closed(ruling, sentence):
    assert ruling.allowed is False
    assert ruling.passed == ()
    [finding] = ruling.findings
    assert (finding.rule, finding.severity, finding.who) == ("policy.engine", "block", "The platform team")
    prefix = "The policy check could not be done, so the request is refused. "
    assert finding.message.removeprefix(prefix).startswith(sentence), finding.message


def burn(n):
    return facts(environment={"parameters": {"n": n}})


def test_facts_of_50_mb_are_refused_before_any_evaluator_starts(fresh_engine):
    ruling = fresh_engine.judge("request", facts(environment={"name": "a" * 50_000_000}), now=NOW)
    assert_fails_closed(ruling, "The facts are 47.7 MB long; 2 MB is the limit.")
    assert fresh_engine._active.pool is None


@pytest.mark.parametrize(
    ("point", "changes", "now", "sentence"),
    [
        ("apply", {}, NOW, "'apply' is not a point"),
        ("request", {}, datetime(2026, 11, 23), "The time of the request has no time zone."),  # noqa: DTZ001
        ("request", {"extra": {1, 2}}, NOW, "The facts are not plain JSON"),
        ("request", {"extra": float("nan")}, NOW, "The facts are not plain JSON"),
        ("request", {"environment": []}, NOW, "The facts are incomplete at $.environment"),
        ("request", {"signatures": {"required": "2"}}, NOW, "The facts are incomplete at $.signatures"),
        ("request", {"kind": "vanish"}, NOW, "The facts are incomplete at $.kind"),
    ],
)
def test_what_cannot_be_judged_is_refused(fresh_engine, point, changes, now, sentence):
    assert_fails_closed(fresh_engine.judge(point, facts(**changes), now=now), sentence)
    assert fresh_engine._active.pool is None


@pytest.mark.parametrize("name", ["requester", "environment", "team", "template", "driver", "signatures"])
def test_a_missing_fact_is_a_refusal_and_not_a_silent_pass(fresh_engine, name):
    made = facts()
    del made[name]
    assert_fails_closed(fresh_engine.judge("request", made, now=NOW), "The facts are incomplete at $")


@pytest.mark.parametrize(
    "answer",
    [
        "<undefined>",
        None,
        [],
        {},
        {"rules": [], "findings": []},
        {"rules": ["a"], "findings": [{"rule": "a"}]},
        {"rules": ["a"], "findings": None},
        {
            "rules": ["a"],
            "findings": [{**dict.fromkeys(("field", "value", "message", "fix", "who"), ""), "rule": "a",
                          "severity": "hint"}],
        },
    ],
)  # fmt: skip
def test_a_malformed_answer_is_a_refusal(fresh_engine, monkeypatch, answer):
    monkeypatch.setattr(Pool, "ask", lambda self, payload: answer)
    assert_fails_closed(fresh_engine.judge("request", facts(), now=NOW), "The bundle's answer")


def test_an_error_while_evaluating_is_a_refusal_that_names_the_place(fresh_engine, burning_bundle):
    fresh_engine.use(burning_bundle)
    ruling = fresh_engine.judge("request", burn("many"), now=NOW)
    assert_fails_closed(ruling, "burn.rego:7:")


def test_a_broken_bundle_refuses_everything(fresh_engine, settings, tmp_path):
    (tmp_path / "broken.rego").write_text("package berth.broken\n\nfindings contains {\n")
    settings.POLICY_BUNDLE = tmp_path
    ruling = fresh_engine.judge("request", facts(), now=NOW)
    assert_fails_closed(ruling, "The policy bundle is refused: broken.rego:")
    assert ruling.bundle == ""


def test_a_bundle_that_was_mended_comes_into_force_at_a_later_judgement(
    fresh_engine, settings, monkeypatch, burning_bundle
):
    (burning_bundle / "broken.rego").write_text("package")
    settings.POLICY_BUNDLE = burning_bundle
    assert isinstance(fresh_engine.in_force(), Refusal)
    (burning_bundle / "broken.rego").unlink()
    assert isinstance(fresh_engine.in_force(), Refusal)
    monkeypatch.setattr(fresh_engine, "RETRY_SECONDS", 0)
    assert [rule.id for rule in fresh_engine.in_force().rules] == ["test.burn"]


@pytest.mark.parametrize("parameter", ["\ud800", "\x00", 10**400, 1e308, -0.0, "'; drop", "{{}}"])
def test_strange_values_are_judged_or_refused_but_never_raised(fresh_engine, parameter):
    made = facts(environment={"parameters": {"size": parameter}, "owner": None})
    ruling = fresh_engine.judge("request", made, now=NOW)
    assert ruling.allowed is False
    assert ruling.findings[0].rule in ("env.owner", "policy.engine")
    assert fresh_engine.judge("request", facts(), now=NOW).allowed


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_facts_nested_deeply_are_judged_or_refused_but_never_raised(fresh_engine, depth):
    nested: list = []
    for _ in range(depth):
        nested = [nested]
    made = facts(environment={"parameters": {"size": nested}, "owner": None})
    assert fresh_engine.judge("request", made, now=NOW).allowed is False
    assert fresh_engine.judge("request", facts(), now=NOW).allowed


def test_a_refused_bundle_leaves_the_one_in_force(fresh_engine, tmp_path):
    before = fresh_engine.judge("request", facts(), now=NOW)
    (tmp_path / "broken.rego").write_text("package berth.broken\n\nfindings contains {\n")
    assert not fresh_engine.use(tmp_path)
    after = fresh_engine.judge("request", facts(), now=NOW)
    assert (after.allowed, after.bundle) == (True, before.bundle)


def test_the_digest_of_the_input_covers_facts_point_and_time(fresh_engine):
    def digest(point, made, now):
        return fresh_engine.judge(point, made, now=now).input_digest

    same = digest("request", facts(), NOW)
    assert same == digest("request", dict(reversed(facts().items())), NOW)
    others = {
        digest("claim", facts(), NOW),
        digest("request", facts(environment={"ttl_hours": 71}), NOW),
        digest("request", facts(), NOW.replace(hour=10)),
    }
    assert len(others) == 3
    assert same not in others
