"""sandboxd ends what it started, also when it is killed; it restarts what ends by itself."""

import os
import signal

import pytest

from provisioning.drivers.base import DriverUnavailable
from provisioning.drivers.sandbox import desired, images
from provisioning.drivers.sandbox.plan import names_of
from tests.processes import wait_until

pytestmark = pytest.mark.servers


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_f1_kill_9_of_sandboxd_ends_its_workloads_and_the_next_one_starts_afresh(sandbox):
    spec = sandbox.environment("orphan")
    sandbox.carry_out("create", spec)
    before = sandbox.workload(spec).pid
    sandbox.daemons.sandboxd.send_signal(signal.SIGKILL)
    sandbox.daemons.sandboxd.wait()
    wait_until(lambda: not is_alive(before), 3)
    sandbox.daemons.start_sandboxd()
    wait_until(lambda: sandbox.workload(spec).pid not in {None, before})
    after = sandbox.workload(spec)
    assert (after.observed, after.observed_generation) == ("running", after.generation)
    assert sandbox.ask(spec)[0] == 200
    sandbox.carry_out("destroy", spec)


def test_f1_a_killed_workload_is_started_again(sandbox):
    spec = sandbox.environment("phoenix")
    sandbox.carry_out("create", spec)
    before = sandbox.workload(spec).pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: sandbox.workload(spec).pid not in {None, before})
    assert sandbox.workload(spec).observed == "running"
    sandbox.carry_out("destroy", spec)


def test_f1_a_workload_that_cannot_stay_up_is_reported_and_retried_with_pauses(sandbox, monkeypatch):
    monkeypatch.setitem(images.SHIPPED, "crash", "tests.provisioning.sandbox.crash")
    spec = sandbox.environment("crasher", {"workload": {"image": "crash"}})
    sandbox.driver.world.credentials.create(spec, names_of(spec), sandbox.key())
    process = desired.Process("crash", {}, {})
    with pytest.raises(DriverUnavailable):
        desired.run(names_of(spec), process, sandbox.key(), limit_s=0.1)
    wait_until(lambda: "with exit code 3, 2 times in a row" in sandbox.workload(spec).detail)
    assert sandbox.workload(spec).observed == "failed"
    sandbox.carry_out("destroy", spec)


def test_f1_a_start_that_vault_refuses_says_so(sandbox):
    spec = sandbox.environment("roleless", {"workload": {"image": "web-service"}})
    process = desired.Process("web-service", {}, {})
    with pytest.raises(DriverUnavailable):
        desired.run(names_of(spec), process, sandbox.key(), limit_s=0.1)
    wait_until(lambda: sandbox.workload(spec).detail.startswith("cannot start: Vault refused"))
    sandbox.carry_out("destroy", spec)


def test_only_one_sandboxd_works_in_a_directory(sandbox):
    second = sandbox.daemons.run("sandboxd")
    assert second.wait(20) == 1
    assert "another sandboxd works in" in sandbox.daemons.said()


def test_a_workload_whose_environment_is_gone_is_ended(sandbox):
    spec = sandbox.environment("vanished")
    sandbox.carry_out("create", spec)
    row = sandbox.workload(spec)
    row.delete()
    wait_until(lambda: not is_alive(row.pid), 5)


def test_f1_a_launcher_waits_ahead_of_need_and_ends_with_sandboxd(sandbox):
    daemon = sandbox.daemons.sandboxd.pid

    def waiting():
        with open(f"/proc/{daemon}/task/{daemon}/children") as file:
            return file.read().split()

    wait_until(lambda: len(waiting()) == 1)
    spare = int(waiting()[0])
    spec = sandbox.environment("spare")
    sandbox.carry_out("create", spec)
    assert sandbox.workload(spec).pid == spare
    wait_until(lambda: len(waiting()) == 2)
    both = [int(pid) for pid in waiting()]
    sandbox.daemons.restart_sandboxd()
    assert [is_alive(pid) for pid in both] == [False, False]
    sandbox.carry_out("destroy", spec)
