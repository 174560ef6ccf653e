"""Runs that must end: lost leases, dead and stopped workers, limits, wishes. And where no secret may lie meanwhile."""

import dataclasses
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost
from provisioning.drivers.registry import driver
from provisioning.drivers.terraform import process, state
from provisioning.models import Operation, OperationLog, TerraformState, TerraformStateVersion
from tests.processes import looping_worker, wait_until
from tests.provisioning.engine import drain, requested
from tests.terraform import stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers, pytest.mark.timeout(900)]

SECRET = "canary-Vb41-owner-password"
SENSITIVE = """
variable "owner_password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "kept" { input = var.owner_password }
resource "terraform_data" "slow" {
  triggers_replace = [sha256(var.owner_password)]
  provisioner "local-exec" { command = "sleep 3" }
}
output "login" {
  value     = { user = "app", password = var.owner_password }
  sensitive = true
}
"""


def running(environment: str) -> list[int]:
    """Processes of the binary that work on this environment, by the address of their backend."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and environment.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _resources() -> dict[str, str]:
    files = {"main.tf": SENSITIVE}
    return stage.small(files, variables={"owner_password": {"credential": "password"}})


@pytest.fixture
def secret_place(demo, tmp_path, transactional_db):
    """A target whose credentials hold the canary."""
    from provisioning import vault
    from provisioning.vault import Secret

    vault.from_settings().kv_put(stage.CREDENTIALS, {"password": Secret(SECRET)})
    return stage.target(tmp_path, provider_mirror="")


def _apply_slowly(hand, act):
    """Carry `create` out in a thread; `act` is called while the binary works. What the thread raised, or None."""
    raised: list[BaseException] = []

    def work():
        try:
            hand.carry("create")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: any("slow: creating" in line for line in hand.lines), 120)
        act()
    finally:
        thread.join(120)
    return raised[0] if raised else None


def test_a_secret_is_never_on_a_command_line_nor_on_disk_nor_in_the_database(backend, secret_place, demo):
    hand = stage.hand(demo, _resources(), secret_place)
    seen: dict[str, bytes] = {}

    def look():
        for pid in running(hand.spec.id):
            seen[f"{pid} cmdline"] = Path(f"/proc/{pid}/cmdline").read_bytes()
            seen[f"{pid} environ"] = Path(f"/proc/{pid}/environ").read_bytes()

    assert _apply_slowly(hand, look) is None
    assert len(seen) >= 4
    assert [name for name, text in seen.items() if SECRET.encode() in text] == []
    assert stage.left() == []
    assert SECRET not in "\n".join(hand.lines)
    plan = hand.plan("reconcile")
    driver("terraform").discard(plan)
    assert SECRET not in repr(plan.changes) + repr(driver("terraform").observe(hand.spec))
    assert SECRET not in repr(driver("terraform").outputs(hand.spec))
    assert _dumped(SECRET) == []
    assert driver("terraform").secrets(hand.spec) == {"login": 1}


def _dumped(text: str) -> list[str]:
    """Tables of the whole database, history included, in which the text stands."""
    owner = urlsplit(os.environ["BERTH_TEST_OWNER_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    with psycopg.connect(urlunsplit(owner), autocommit=True) as db:
        tables = db.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(relname) FROM pg_stat_user_tables"
        ).fetchall()
        assert len(tables) > 40
        found = {
            table: db.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{text}%"]).fetchone()[0]
            for (table,) in tables
        }
    return [table for table, count in found.items() if count]


def test_a_swapped_secret_is_a_change_and_stays_unread(backend, secret_place, demo):
    from provisioning import vault
    from provisioning.vault import Secret

    hand = stage.hand(demo, _resources(), secret_place)
    hand.carry("create")
    vault.from_settings().kv_put(stage.CREDENTIALS, {"password": Secret("another-" + SECRET)})
    plan = hand.plan("update")
    driver("terraform").discard(plan)
    change = {change.address: change for change in plan.changes}["terraform_data.kept"]
    assert change.before["input"].startswith("sensitive vault:v1:")
    assert change.before["input"] != change.after["input"]
    hand.carry("update")
    assert driver("terraform").secrets(hand.spec) == {"login": 2}


def test_a_person_who_cancels_ends_it_at_a_safe_point(backend, demo):
    hand = stage.hand(demo, stage.slow(30))
    asked = threading.Event()
    hand.stopping = asked.is_set
    error = _apply_slowly(hand, asked.set)
    assert isinstance(error, DriverRejected), error
    assert "terraform_data.first" in driver("terraform").observe(hand.spec)
    assert TerraformState.objects.get().lock_id == ""
    assert running(hand.spec.id) == []


def test_a_run_past_its_limit_is_ended_and_what_it_made_is_kept(backend, demo, monkeypatch):
    hand = stage.hand(demo, stage.slow(60) | {"limit_minutes": 1})
    monkeypatch.setattr("provisioning.drivers.terraform.steps.MINUTE_S", 6.0)
    error = _apply_slowly(hand, lambda: None)
    assert isinstance(error, DriverRejected)
    assert "ended" in str(error)
    assert TerraformStateVersion.objects.exists()


def test_an_outdated_run_is_ended_and_writes_nothing(backend, demo):
    hand = stage.hand(demo, stage.slow(60))
    lost = threading.Event()

    def guard():
        if lost.is_set():
            raise LeaseLost("another worker has it")

    hand.guard = guard

    def overtake():
        stage.lease(hand.operation)
        lost.set()

    assert isinstance(_apply_slowly(hand, overtake), LeaseLost)
    assert running(hand.spec.id) == []
    assert not TerraformStateVersion.objects.exists()


def test_the_second_of_two_applies_waits_for_the_lock(backend, demo):
    hand = stage.hand(demo, stage.slow(4))
    other = stage.Hand(requested(demo, name="tf-other"), hand.spec, hand.fence)
    stage.lease(other.operation, hand.fence)
    second: list[BaseException | None] = []

    def compete():
        try:
            plan = other.plan("create")
            other.carry("create", plan)
            second.append(None)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            second.append(error)
        finally:
            connection.close()

    rival = threading.Thread(target=compete)
    assert _apply_slowly(hand, rival.start) is None
    rival.join(120)
    assert second == [None]
    assert any("planning again" in line for line in other.lines)
    made = [line for line in [*hand.lines, *other.lines] if "first: created" in line]
    assert len(made) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["kill", "stop"])
def test_a_worker_that_dies_or_sleeps_leaves_no_run_behind_and_another_ends_it(backend, demo, number):
    stage.version(demo, stage.slow(5))
    operation = requested(demo, name="tf-death")
    said = OperationLog.objects.filter(operation=operation)
    with looping_worker(BERTH_STATE_URL=backend) as first:
        wait_until(lambda: said.filter(line__contains="slow: creating").exists(), 200)
        began = time.monotonic()
        os.kill(first.pid, number)
        wait_until(lambda: running(str(operation.environment_id)) == [], 2 * process.patience() + 10)
        assert time.monotonic() - began < 2 * process.patience() + 10
        with looping_worker(BERTH_STATE_URL=backend) as second:
            wait_until(lambda: Operation.objects.get(pk=operation.pk).finished_at is not None, 300)
            if number == signal.SIGSTOP:
                os.kill(first.pid, signal.SIGCONT)
                time.sleep(2)
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.error
    found = driver("terraform").observe(stage.spec_of(operation.environment))
    assert {"terraform_data.first", "terraform_data.slow"} <= set(found)
    assert stage.left(first.pid, second.pid) == []
    fences = set(TerraformStateVersion.objects.order_by("-id").values_list("fence", flat=True)[:1])
    assert fences == {TerraformState.objects.get().fence}


def test_a_plan_that_changed_after_a_death_is_refused(backend, demo):
    hand = stage.hand(demo, stage.small(), word="one")
    plan = hand.plan("create")
    driver("terraform").discard(plan)
    hand.spec = replace(hand.spec, parameters={"word": "another"})
    with pytest.raises(DriverRejected, match="not in the plan that was agreed"):
        hand.carry("create", replace(plan, artifact=""))
    assert not TerraformStateVersion.objects.exists()


def test_a_backend_out_of_reach_is_tried_again_later(demo, settings, monkeypatch):
    settings.BERTH = dataclasses.replace(settings.BERTH, state_url="http://127.0.0.1:9")
    monkeypatch.setattr("provisioning.drivers.terraform.surroundings.RETRIES", 0)
    hand = stage.hand(demo, stage.small())
    with pytest.raises(DriverUnavailable):
        hand.plan("create")
    assert stage.left() == []
    assert state.load(hand.environment.pk) is None


HALF = """
resource "terraform_data" "first" { input = "kept" }
resource "terraform_data" "second" {
  input = terraform_data.first.output
  provisioner "local-exec" { command = "exit 3" }
}
"""


def test_what_a_failed_creation_made_is_removed(backend, demo):
    stage.version(demo, stage.small({"main.tf": HALF}))
    operation = requested(demo, name="tf-half")
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("rolled_back", "destroyed"), operation.error
    assert "terraform_data.second" in operation.error
    assert state.load(operation.environment_id) is not None
    assert driver("terraform").observe(stage.spec_of(operation.environment)) == {}
    assert stage.left() == []


def test_a_change_is_undone_by_what_the_one_before_was_given(backend, demo):
    hand = stage.hand(demo, stage.small(), word="one")
    hand.carry("create")
    hand.spec = replace(hand.spec, parameters={"word": "two"})
    plan = hand.plan("update")
    (step,) = driver("terraform").steps(hand.spec, "update", plan)
    step.apply(hand.key, hand.lines.append)
    assert driver("terraform").outputs(hand.spec)["word"] == "two"
    for _ in range(2):
        step.undo(hand.key, hand.lines.append)
        assert driver("terraform").outputs(hand.spec)["word"] == "one"
    driver("terraform").discard(plan)


def test_a_backend_of_ones_own_is_used_with_a_workspace_and_a_warning(demo, tmp_path, transactional_db):
    config = {"path": str(tmp_path / "default"), "workspace_dir": str(tmp_path / "spaces")}
    place = stage.target(tmp_path, provider_mirror="", backend={"type": "local", "config": config})
    hand = stage.hand(demo, stage.small(), place, word="one")
    hand.carry("create")
    (space,) = (tmp_path / "spaces").iterdir()
    assert space.name == f"{hand.spec.name}-{hand.spec.id[:8]}"
    assert driver("terraform").outputs(hand.spec)["word"] == "one"
    assert not TerraformStateVersion.objects.exists()
    assert any("in clear" in line for line in hand.lines)
    hand.carry("destroy")
    assert driver("terraform").observe(hand.spec) == {}
