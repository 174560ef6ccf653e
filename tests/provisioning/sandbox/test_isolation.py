"""A workload that was taken over reaches nothing beyond its own environment."""

import os
import socket

import pytest
import redis
from django.conf import settings

from provisioning.drivers.sandbox import images
from provisioning.drivers.sandbox.plan import names_of
from tests.processes import free_port, wait_until
from tests.provisioning.sandbox import attack

pytestmark = [pytest.mark.servers, pytest.mark.needs("landlock")]
OTHER = {"database": True, "cache": True, "workload": {"image": "worker"}}
HOSTILE = {"database": True, "cache": True, "workload": {"image": "attack"}}


@pytest.fixture(autouse=True)
def hostile_image(monkeypatch):
    monkeypatch.setitem(images.SHIPPED, "attack", "tests.provisioning.sandbox.attack")


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def one_user_id(sandbox):
    """All workloads share sandboxd's own user id, as they do where it is not root."""
    sandbox.daemons.restart_sandboxd(TEST_OWN_UIDS="0")
    yield
    sandbox.daemons.restart_sandboxd()


def victim_of(sandbox):
    """Another team's environment with a file, a row, a key and a running process."""
    spec = sandbox.environment("victim", OTHER, {"interval_seconds": 1})
    sandbox.carry_out("create", spec)
    (sandbox.daemons.var / "workloads" / spec.id / "note").write_text("private")
    admin = redis.Redis.from_url(settings.BERTH.sandbox_redis_url)
    wait_until(lambda: admin.get(f"env:{spec.id}:heartbeat"))
    return spec


def targets_of(sandbox, victim, listener):
    row, names = sandbox.workload(victim), sandbox.driver.outputs(victim)
    key = sandbox.daemons.var / "seal.key"
    key.write_text("seal")
    key.chmod(0o600)
    return {
        "seal_key": str(key),
        "secret_id": settings.BERTH.vault_secret_id_file,
        "sandboxd": sandbox.daemons.sandboxd.pid,
        "directory": str(sandbox.daemons.var / "workloads" / victim.id),
        "scratch": str(sandbox.daemons.var),
        "database": f"env_victim_{victim.id[:8]}",
        "portal": "berth",
        "prefix": f"env:{victim.id}:",
        "vault": {"path": names["vault_path"].removeprefix("kv/")},
        "other_pid": row.pid,
        "other_port": row.port,
        "forbidden_port": listener,
        "free_port": free_port(),
    }


def results_of(sandbox, listener):
    victim = victim_of(sandbox)
    spec = sandbox.environment("hostile", HOSTILE, {"targets": targets_of(sandbox, victim, listener)})
    sandbox.carry_out("create", spec)
    return victim, spec, sandbox.ask(spec)[1]["results"]


def test_f1_a_workload_reaches_nothing_beyond_its_environment(sandbox, listener):
    victim, spec, results = results_of(sandbox, listener)
    assert sorted(results) == sorted(attack.TRIES)
    got = {name: result for name, result in results.items() if not result.startswith("refused: ")}
    assert got == {}
    assert "PermissionError" in results["seal key"]
    assert "PermissionError" in results["sandboxd environ"]
    assert "answered 403" in results["other vault path"] or "answered 400" in results["other vault path"]
    assert sandbox.workload(victim).observed == "running"
    for each in (spec, victim):
        sandbox.carry_out("destroy", each)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root there is one user id anyway")
def test_f1_landlock_alone_keeps_the_files_and_processes_apart(sandbox, one_user_id, listener):
    victim, spec, results = results_of(sandbox, listener)
    got = {name: result for name, result in results.items() if not result.startswith("refused: ")}
    assert got == {}
    for each in (spec, victim):
        sandbox.carry_out("destroy", each)


def _environ_of(pid):
    """What root reads; anybody else, the account it runs as included, is refused, which shows as little."""
    if os.geteuid() == 0:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    with pytest.raises(PermissionError), open(f"/proc/{pid}/environ", "rb") as file:
        file.read()
    return b""


def test_f1_a_workload_has_no_environment_and_no_arguments_that_tell_anything(sandbox):
    spec = sandbox.environment("bare")
    sandbox.carry_out("create", spec)
    pid = sandbox.workload(spec).pid
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        assert file.read().split(b"\0")[1:3] == [b"-I", b"-S"]
    assert _environ_of(pid) == b""
    with open(f"/proc/{pid}/status") as file:
        facts = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert 60000 <= int(facts["Uid"].split()[0]) < 65000
        assert int(facts["CapEff"], 16) == 0
    sandbox.carry_out("destroy", spec)


def test_f1_the_sandbox_secrets_stand_in_no_file_of_the_daemons(sandbox):
    spec = sandbox.environment("canary")
    sandbox.carry_out("create", spec)
    value = sandbox.driver.world.credentials.password(names_of(spec), "database").reveal().encode()
    found = [path for path in sandbox.daemons.var.rglob("*") if path.is_file() and value in path.read_bytes()]
    assert found == []
    sandbox.carry_out("destroy", spec)
