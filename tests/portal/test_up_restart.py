"""Servers stopped and started again: data, accounts and secrets are found, tokens are not kept."""

import json
import signal
import tempfile
import time
from pathlib import Path

import hvac
import psycopg
import pytest
import redis

from portal.embedded import servers, state, valkey
from portal.embedded.supervisor import Supervisor

pytestmark = pytest.mark.servers


@pytest.fixture
def var():
    """A directory that the database's own account may enter."""
    with tempfile.TemporaryDirectory(prefix="berth-up-") as made:
        path = Path(made)
        path.chmod(0o711)
        (path / "log").mkdir()
        yield path


@pytest.fixture
def start(var):
    """Starts the servers; what the test leaves running is stopped."""
    started = []

    def again():
        started.append(servers.start(var, state.load(var), {}, durable=False))
        return started[-1]

    yield again
    for one in started:
        one.stop()


def sign_in(env, secret_id):
    client = hvac.Client(url=env["VAULT_ADDR"])
    client.auth.approle.login(env["VAULT_ROLE_ID"], secret_id)
    return client


def secret_id(env):
    return Path(env["VAULT_SECRET_ID_FILE"]).read_text()


def test_rows_are_found_again(start):
    first = start()
    with psycopg.connect(first.env["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE remembered AS SELECT 7 AS number")
    first.stop()
    second = start()
    assert second.env == first.env
    with psycopg.connect(second.env["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT number FROM remembered").fetchall() == [(7,)]


def test_environments_data_and_accounts_are_found_again(start):
    first = start()
    data = redis.from_url(first.env["SANDBOX_REDIS_URL"])
    data.set("env:one:word", "kept")
    data.execute_command("ACL", "SETUSER", "env-one", "on", "#" + "a" * 64)
    data.execute_command("ACL", "SAVE")
    first.stop()
    data = redis.from_url(start().env["SANDBOX_REDIS_URL"])
    assert data.get("env:one:word") == b"kept"
    assert sorted(data.execute_command("ACL", "USERS")) == [b"berth", b"default", b"env-one"]


def test_secrets_are_found_again_and_the_old_secret_id_has_ended(start):
    first = start()
    old = secret_id(first.env)
    kv = sign_in(first.env, old).secrets.kv.v2
    kv.create_or_update_secret("env/two/x", {"a": "b"}, mount_point="kv")
    first.stop()
    second = start()
    kv = sign_in(second.env, secret_id(second.env)).secrets.kv.v2
    read = kv.read_secret_version("env/two/x", mount_point="kv", raise_on_deleted_version=True)
    assert read["data"]["data"] == {"a": "b"}
    with pytest.raises(hvac.exceptions.InvalidRequest):
        sign_in(second.env, old)


def test_the_setup_token_is_given_back_and_so_is_the_root_token(start, var):
    start().stop()
    entries = [json.loads(line) for line in (var / "openbao/audit.log").read_text().splitlines()]
    paths = [entry["request"]["path"] for entry in entries if entry["type"] == "response" and not entry.get("error")]
    root_token = 1
    assert paths.count("auth/token/revoke-self") == paths.count("auth/approle/login") + root_token > root_token


def test_a_server_that_is_killed_comes_back_with_its_data(var):
    said = []
    supervisor = Supervisor(said.append)
    server = valkey.start_data(var, state.load(var))
    supervisor.adopt(server.process)
    redis.from_url(server.url).set("env:three:word", "kept")
    server.process.signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not (said and server.process.is_answering()) and time.monotonic() < deadline:
        supervisor.check()
        time.sleep(0.02)
    assert redis.from_url(server.url).get("env:three:word") == b"kept"
    supervisor.stop_all()
