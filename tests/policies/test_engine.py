"""The engine fails closed, keeps its deadline, and survives kills, threads and forks."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from policies.bundle import Bundle, Refusal
from policies.pool import Pool
from tests.policies.policy_facts import NOW, facts

ROOT = Path(__file__).parents[2]


def assert_fails_closed(ruling, sentence):
    assert ruling.allowed is False
    assert ruling.passed == ()
    [finding] = ruling.findings
    assert (finding.rule, finding.severity, finding.who) == ("policy.engine", "block", "The platform team")
    prefix = "The policy check could not be done, so the request is refused. "
    assert finding.message.removeprefix(prefix).startswith(sentence), finding.message


def is_gone(pid):
    """Whether a process that is not our child has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def burn(n):
    return facts(environment={"parameters": {"n": n}})


def test_an_endless_policy_is_killed_at_the_deadline_and_the_next_judgement_works(
    fresh_engine, burning_bundle
):
    assert isinstance(fresh_engine.use(burning_bundle), Bundle)
    assert fresh_engine.judge("request", burn(1), now=NOW).findings[0].rule == "test.burn"
    [pid] = fresh_engine._active.pool.pids()
    started = time.monotonic()
    ruling = fresh_engine.judge("request", burn(100_000), now=NOW)
    assert_fails_closed(ruling, "The evaluation did not end within 500 ms.")
    assert 0.5 <= time.monotonic() - started < 2
    assert is_gone(pid)
    assert fresh_engine.judge("request", burn(1), now=NOW).findings[0].rule == "test.burn"


def test_a_killed_evaluator_is_replaced_without_a_refusal(fresh_engine):
    assert fresh_engine.judge("request", facts(), now=NOW).allowed
    [pid] = fresh_engine._active.pool.pids()
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: is_gone(pid))
    assert fresh_engine.judge("request", facts(), now=NOW).allowed
    assert fresh_engine._active.pool.pids() != [pid]


def test_an_evaluator_that_dies_at_work_is_a_refusal(fresh_engine, burning_bundle):
    fresh_engine.use(burning_bundle)
    fresh_engine.judge("request", burn(1), now=NOW)
    [pid] = fresh_engine._active.pool.pids()
    timer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
    timer.start()
    ruling = fresh_engine.judge("request", burn(100_000), now=NOW)
    assert_fails_closed(ruling, "The evaluator gave no usable answer: the process ended.")


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


def test_a_new_bundle_replaces_the_old_one_and_its_evaluators(fresh_engine, burning_bundle):
    before = fresh_engine.judge("request", facts(), now=NOW)
    [pid] = fresh_engine._active.pool.pids()
    fresh_engine.use(burning_bundle)
    after = fresh_engine.judge("request", burn(1), now=NOW)
    assert (after.allowed, after.bundle == before.bundle) == (False, False)
    assert is_gone(pid)


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


def test_many_threads_share_two_evaluators(fresh_engine):
    rulings = []
    threads = [
        threading.Thread(target=lambda: rulings.append(fresh_engine.judge("request", facts(), now=NOW)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ruling.allowed for ruling in rulings] == [True] * 12
    assert 1 <= len(fresh_engine._active.pool.pids()) <= 2


def test_an_evaluator_outlives_the_thread_that_started_it(fresh_engine):
    thread = threading.Thread(target=fresh_engine.judge, args=("request", facts()), kwargs={"now": NOW})
    thread.start()
    thread.join()
    [pid] = fresh_engine._active.pool.pids()
    assert fresh_engine.judge("request", facts(), now=NOW).allowed
    assert fresh_engine._active.pool.pids() == [pid]


def judge_in_a_fork(engine):
    """Fork, judge in the child, and return what it saw: (allowed, pids of its evaluators)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        ruling = engine.judge("request", facts(), now=NOW)
        os.write(writer, json.dumps([ruling.allowed, engine._active.pool.pids()]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        seen = json.loads(answer.read())
    os.waitpid(child, 0)
    return seen


def test_a_fork_has_evaluators_of_its_own_and_leaves_the_parents_alone(fresh_engine):
    fresh_engine.judge("request", facts(), now=NOW)
    [pid] = fresh_engine._active.pool.pids()
    with fresh_engine._active.lock:
        allowed, pids = judge_in_a_fork(fresh_engine)
    assert allowed is True
    assert len(pids) == 1
    assert pids != [pid]
    assert wait_until(lambda: is_gone(pids[0]))
    assert fresh_engine.judge("request", facts(), now=NOW).allowed
    assert fresh_engine._active.pool.pids() == [pid]


DYING_PARENT = """
import os, signal, sys, threading, time
from policies import engine
from tests.policies.policy_facts import NOW, facts
engine.use(engine.Path(sys.argv[1]))
made = facts(environment={"parameters": {"n": 1}})
engine.judge("request", made, now=NOW)
print(engine._active.pool.pids()[0], flush=True)
made["environment"]["parameters"]["n"] = int(sys.argv[2])
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
engine.judge("request", made, now=NOW)
time.sleep(5)
"""


@pytest.mark.parametrize("n", [1, 100_000], ids=["waiting", "at work"])
def test_an_evaluator_ends_when_its_parent_is_killed(burning_bundle, n):
    parent = subprocess.run(
        [sys.executable, "-c", DYING_PARENT, str(burning_bundle), str(n)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    assert wait_until(lambda: is_gone(int(parent.stdout)))


def test_the_evaluator_sees_no_environment_and_no_django(fresh_engine):
    fresh_engine.judge("request", facts(), now=NOW)
    [pid] = fresh_engine._active.pool.pids()
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    assert "django" not in Path(f"/proc/{pid}/maps").read_text()
    descriptors = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert {name.partition(":")[0] for name in descriptors} == {"pipe", "/dev/null"}


def test_the_time_of_a_judgement_on_a_plan_of_200_resources_is_reported(
    fresh_engine, record_property, capsys
):
    changes = [{"address": f"resource.r{i}", "action": "create", "after": {"size": i}} for i in range(200)]
    made = facts(kind="deploy", environment={"tier": "prod"}, plan={"changes": changes})
    fresh_engine.judge("plan", made, now=NOW)
    rulings = [fresh_engine.judge("plan", made, now=NOW) for _ in range(100)]
    assert {ruling.allowed for ruling in rulings} == {True}
    cuts = statistics.quantiles([ruling.micros / 1000 for ruling in rulings], n=100)
    record_property("p50_ms", cuts[49])
    record_property("p99_ms", cuts[98])
    with capsys.disabled():
        print(f"\n200 resources: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")
