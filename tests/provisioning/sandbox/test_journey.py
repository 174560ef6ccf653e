"""The whole life of an environment on real servers and processes."""

import dataclasses
import os
import socket
import struct

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from provisioning import vault
from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.sandbox import database
from tests.provisioning.sandbox.world import TWO

pytestmark = pytest.mark.servers


def test_f1_an_environment_lives_from_create_to_a_proven_end(sandbox):
    spec = sandbox.environment("journey-1")
    assert sandbox.carry_out("create", spec) == ["credentials", "database", "cache", "workload", "route", "verify"]
    assert sorted(sandbox.driver.observe(spec)) == [
        "postgres.database",
        "postgres.role",
        "router.route",
        "valkey.user",
        "vault.approle",
        "vault.path",
        "vault.policy",
        "workload.process",
    ]
    spec = dataclasses.replace(spec, release=TWO)
    assert sandbox.carry_out("deploy", spec) == ["workload", "verify"]
    assert sandbox.ask(spec)[1]["release"] == {"version": "2.0.0", "digest": TWO.digest}
    assert sandbox.carry_out("suspend", spec) == ["route", "workload", "cache", "database"]
    spec = dataclasses.replace(spec, suspended=True)
    assert sandbox.carry_out("resume", spec) == ["database", "cache", "workload", "route", "verify"]
    assert sandbox.carry_out("destroy", dataclasses.replace(spec, suspended=False))[-1] == "proof"
    assert dict(sandbox.driver.observe(spec)) == {}
    print({kind: round(seconds, 3) for kind, seconds in sandbox.seconds.items()})


def test_f1_a_plan_is_empty_once_it_was_carried_out(sandbox):
    spec = sandbox.environment("journey-2")
    sandbox.carry_out("create", spec)
    again = sandbox.driver.plan(spec, sandbox.driver.observe(spec), "create")
    assert again.changes == ()
    pid = sandbox.workload(spec).pid
    assert sandbox.carry_out("create", spec) == ["verify"]
    assert sandbox.workload(spec).pid == pid
    sandbox.carry_out("destroy", spec)


def test_f1_every_step_of_a_create_may_be_repeated_and_undone(sandbox):
    spec = sandbox.environment("journey-3")
    plan = sandbox.driver.plan(spec, sandbox.driver.observe(spec), "create")
    steps = sandbox.driver.steps(spec, "create", plan)
    for step in steps:
        step.apply(sandbox.key(), sandbox.lines.append)
        step.apply(sandbox.key(), sandbox.lines.append)
    for step in reversed([step for step in steps if step.undo]):
        step.undo(sandbox.key(), sandbox.lines.append)
        step.undo(sandbox.key(), sandbox.lines.append)
    assert dict(sandbox.driver.observe(spec)) == {}


def test_f1_suspend_leaves_no_session_and_lets_nobody_in_until_resume(sandbox):
    spec = sandbox.environment("journey-4")
    sandbox.carry_out("create", spec)
    path = sandbox.driver.outputs(spec)["vault_path"].removeprefix("kv/") + "/database"
    own = vault.from_settings().kv_get(path).values
    address = make_conninfo(**{k: own[k].reveal() for k in ("host", "port", "dbname", "user", "password")})
    held = psycopg.connect(address, autocommit=True)
    sandbox.ask(spec)
    hits = sandbox.ask(spec)[1]["hits"]
    sandbox.carry_out("suspend", spec)
    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="too many connections"):
        psycopg.connect(address)
    status, page = sandbox.ask(spec, accept="text/html")
    assert (status, "journey-4 is suspended" in page) == (503, True)
    assert sandbox.workload(spec).observed == "stopped"
    sandbox.carry_out("resume", dataclasses.replace(spec, suspended=True))
    assert sandbox.ask(spec)[1]["hits"] > hits
    with psycopg.connect(address) as db:
        assert db.execute("SELECT datconnlimit FROM pg_database WHERE datname = current_database()").fetchone() == (20,)
    sandbox.carry_out("destroy", spec)


def test_f1_parameters_reach_the_workload_and_change_it(sandbox):
    spec = sandbox.environment("journey-5")
    sandbox.carry_out("create", spec)
    assert sandbox.ask(spec)[1]["greeting"] == "hi"
    spec = dataclasses.replace(spec, parameters={"greeting": "good day <b>"})
    assert sandbox.carry_out("update", spec) == ["workload", "verify"]
    assert sandbox.ask(spec)[1]["greeting"] == "good day <b>"
    assert "good day &lt;b&gt;" in sandbox.ask(spec, accept="text/html")[1]
    sandbox.carry_out("destroy", spec)


def test_f1_the_worker_ticks_and_beats(sandbox):
    resources = {"database": True, "cache": True, "workload": {"image": "worker"}}
    spec = sandbox.environment("journey-6", resources, {"interval_seconds": 1, "keep_results_days": 3, "job": "report"})
    sandbox.carry_out("create", spec)
    facts = sandbox.ask(spec)[1]
    assert (facts["environment"], facts["interval_seconds"], facts["problem"]) == ("journey-6", 1.0, None)
    sandbox.carry_out("destroy", spec)


def test_f1_a_database_alone_needs_no_process(sandbox):
    spec = sandbox.environment("journey-7", {"database": True, "cache": False}, release=None)
    assert sandbox.carry_out("create", spec) == ["credentials", "database"]
    place = f"journey-7-{spec.id[:8]}"
    outputs = {"vault_path": f"kv/env/{place}", "database": f"env_{place.replace('-', '_')}"}
    assert sandbox.driver.outputs(spec) == outputs
    assert sandbox.carry_out("suspend", spec) == ["database"]
    assert sandbox.carry_out("destroy", spec) == ["database", "credentials", "proof"]


def test_a_session_that_is_not_ours_to_end_is_waited_for_and_nothing_is_dropped_under_it(sandbox):
    spec = sandbox.environment("journey-11", {"database": True, "cache": False}, release=None)
    sandbox.carry_out("create", spec)
    name = sandbox.driver.outputs(spec)["database"]
    with psycopg.connect(settings.BERTH.sandbox_database_url, autocommit=True) as db:
        db.execute(f"GRANT CONNECT ON DATABASE {name} TO berth_owner")
    with psycopg.connect(os.environ["BERTH_TEST_OWNER_URL"], dbname=name, autocommit=True) as backup:
        with pytest.raises(DriverUnavailable, match="sessions of the database do not end"):
            sandbox.carry_out("destroy", spec)
        assert backup.execute("SELECT current_database()").fetchone() == (name,)
        assert sandbox.driver.observe(spec)["postgres.database"].state["state"] == "closing"
    assert sandbox.carry_out("destroy", spec) == ["database", "credentials", "proof"]
    assert dict(sandbox.driver.observe(spec)) == {}


def test_a_client_that_hangs_while_it_signs_in_holds_up_no_removal(sandbox):
    spec = sandbox.environment("journey-12", {"database": True, "cache": False}, release=None)
    sandbox.carry_out("create", spec)
    server = conninfo_to_dict(settings.BERTH.sandbox_database_url)
    with socket.create_connection((server["host"], int(server["port"]))) as hanging:
        asked = struct.pack("!I", 3 << 16) + b"user\0berth_sandbox\0database\0postgres\0\0"
        hanging.sendall(struct.pack("!I", len(asked) + 4) + asked)
        assert b"SCRAM-SHA-256" in hanging.recv(200)
        assert sandbox.carry_out("destroy", spec) == ["database", "credentials", "proof"]
    assert dict(sandbox.driver.observe(spec)) == {}


def test_a_database_whose_making_was_cut_off_is_not_open_and_is_made_to_the_end(sandbox, monkeypatch):
    spec = sandbox.environment("journey-10", {"database": True, "cache": False}, release=None)
    run = database._run

    def cut_off(db, statement, name, **options):
        if "ON SCHEMA" in statement:
            raise psycopg.errors.AdminShutdown
        run(db, statement, name, **options)

    with monkeypatch.context() as patched:
        patched.setattr(database, "_run", cut_off)
        with pytest.raises(DriverUnavailable):
            sandbox.carry_out("create", spec)
    assert sandbox.driver.observe(spec)["postgres.database"].state["state"] == "unfinished"
    assert sandbox.carry_out("create", spec) == ["database"]
    path = sandbox.driver.outputs(spec)["vault_path"].removeprefix("kv/") + "/database"
    own = vault.from_settings().kv_get(path).values
    with psycopg.connect(own["url"].reveal()) as db:
        db.execute("CREATE TABLE mine (id int)")
    sandbox.carry_out("destroy", spec)


def test_f1_an_unknown_image_is_refused_before_anything_is_made(sandbox):
    spec = sandbox.environment("journey-8", {"workload": {"image": "/bin/sh"}})
    with pytest.raises(DriverRejected, match="not among those shipped: web-service, worker"):
        sandbox.driver.plan(spec, {}, "create")
    assert dict(sandbox.driver.observe(spec)) == {}


def test_a_template_without_landlock_is_refused_for_prod(sandbox, monkeypatch):
    monkeypatch.setattr("provisioning.drivers.sandbox.landlock.abi", lambda: 0)
    spec = dataclasses.replace(sandbox.environment("journey-9"), tier="prod")
    assert sandbox.driver.isolated is False
    with pytest.raises(DriverRejected, match="prod-like tiers are refused"):
        sandbox.driver.plan(spec, {}, "create")
