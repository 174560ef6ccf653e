"""The evaluator processes: deadline, kills, threads, forks, and the death of the parent."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from policies.bundle import Bundle
from tests.policies.policy_facts import NOW, facts
from tests.policies.test_engine import assert_fails_closed, burn

ROOT = Path(__file__).parents[2]


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


def test_an_endless_policy_is_killed_at_the_deadline_and_the_next_judgement_works(fresh_engine, burning_bundle):
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


def test_a_new_bundle_replaces_the_old_one_and_its_evaluators(fresh_engine, burning_bundle):
    before = fresh_engine.judge("request", facts(), now=NOW)
    [pid] = fresh_engine._active.pool.pids()
    fresh_engine.use(burning_bundle)
    after = fresh_engine.judge("request", burn(1), now=NOW)
    assert (after.allowed, after.bundle == before.bundle) == (False, False)
    assert is_gone(pid)


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


def test_the_time_of_a_judgement_on_a_plan_of_200_resources_is_reported(fresh_engine, record_property, capsys):
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
