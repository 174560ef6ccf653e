"""What an earlier sandboxd left is ended; what merely looks like it is not."""

import json
import subprocess
import time

import pytest

from provisioning.drivers.sandbox import children
from provisioning.drivers.sandbox.children import Places, kill_leftovers


@pytest.fixture
def places(tmp_path):
    found = Places(tmp_path)
    found.prepare()
    return found


@pytest.fixture
def leftover():
    """A process that has started another one, in a session of its own."""
    command = ["/bin/sh", "-c", "sleep 60 & echo $!; wait"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
    process.child = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()


def start_of(pid):
    return int(children._stat(pid)[19])


def record(places, pid, **changed):
    facts = {"pid": pid, "start": start_of(pid), "boot": children._boot_id(), **changed}
    places.record("one").write_text(json.dumps(facts))


def test_f1_a_leftover_is_ended_with_everything_it_started(places, leftover):
    record(places, leftover.pid)
    assert kill_leftovers(places) == 2
    assert leftover.wait(2) == -9
    assert children._stat(leftover.child) is None or children._stat(leftover.child)[0] == "Z"
    assert not places.record("one").exists()


@pytest.mark.parametrize("changed", [{"boot": "another"}, {"start": 1 << 60}])
def test_f1_another_boot_or_another_start_time_is_somebody_else(places, leftover, changed):
    record(places, leftover.pid, **changed)
    assert kill_leftovers(places) == 0
    time.sleep(0.05)
    assert leftover.poll() is None
    assert not places.record("one").exists()


def test_a_torn_record_is_dropped(places):
    places.record("one").write_text("{")
    assert kill_leftovers(places) == 0
    assert not places.record("one").exists()


def test_the_directories_are_closed_to_others(places):
    assert [place.stat().st_mode & 0o777 for place in (places.own, places.var / "workloads")] == [0o700, 0o711]
