"""The embedded servers, really started: roles, secrets on disk, and that a second start finds its data."""

import stat
import subprocess
import tempfile
from pathlib import Path

import hvac
import psycopg
import pytest
import redis

from portal.embedded import postgres, roles, servers, state
from portal.embedded.failure import StartError

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def var():
    """A directory that the database's own account may enter."""
    with tempfile.TemporaryDirectory(prefix="berth-up-") as made:
        path = Path(made)
        path.chmod(0o711)
        (path / "log").mkdir()
        yield path


@pytest.fixture(scope="module")
def running(var):
    started = servers.start(var, state.load(var), {}, durable=False)
    yield started
    started.stop()


def execute(url, statement, *values):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def vault(running):
    client = hvac.Client(url=running.env["VAULT_ADDR"])
    secret_id = Path(running.env["VAULT_SECRET_ID_FILE"]).read_text()
    client.auth.approle.login(running.env["VAULT_ROLE_ID"], secret_id)
    return client


def test_the_app_reads_and_writes_the_owner_s_tables_but_makes_none(running):
    app, owner = running.env["DATABASE_URL"], running.env["DATABASE_OWNER_URL"]
    execute(owner, "CREATE TABLE kept (id serial PRIMARY KEY, word text)")
    execute(app, "INSERT INTO kept (word) VALUES ('one')")
    assert execute(app, "SELECT word FROM kept") == [("one",)]
    for refused in ("CREATE TABLE mine (id int)", "TRUNCATE kept", "DROP TABLE kept", "CREATE SCHEMA mine"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(app, refused)
    assert execute(owner, "SELECT to_regclass('mine')") == [(None,)]


def test_bootstrap_again_changes_nothing_and_repairs_what_was_changed(running, var):
    admin = running.cluster.admin_url
    grants = "SELECT datname, datacl::text FROM pg_database ORDER BY 1"
    before = execute(admin, grants)
    execute(admin, "GRANT CONNECT ON DATABASE berth TO PUBLIC")
    execute(admin, "ALTER ROLE berth_app SUPERUSER PASSWORD 'wrong'")
    passwords = state.load(var).passwords
    roles.bootstrap(admin, passwords)
    roles.bootstrap(admin, passwords)
    assert execute(admin, grants) == before
    assert execute(running.env["DATABASE_URL"], "SELECT current_setting('is_superuser')") == [("off",)]


@pytest.mark.parametrize("database", ["berth", "berth_openbao", "postgres", "template1"])
def test_nobody_connects_by_being_somebody(running, database):
    execute(running.cluster.admin_url, "DROP ROLE IF EXISTS stranger")
    execute(running.cluster.admin_url, "CREATE ROLE stranger LOGIN PASSWORD 'word'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(running.cluster.url("stranger", "word", database))


@pytest.mark.parametrize(("role", "database"), [("berth_sandbox", "berth"), ("berth_app", "berth_openbao")])
def test_no_role_enters_another_s_database(running, var, role, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(running.cluster.url(role, state.load(var).passwords[role], database))


def test_a_wrong_password_is_refused(running):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.cluster.url("berth_app", "wrong", "berth"))


def test_the_sandbox_role_makes_a_database_of_an_environment_s_own(running):
    sandbox = running.env["SANDBOX_DATABASE_URL"]
    execute(sandbox, "CREATE ROLE env_one LOGIN PASSWORD 'word'")
    execute(sandbox, "CREATE DATABASE env_one OWNER env_one")
    execute(sandbox, "REVOKE CONNECT ON DATABASE env_one FROM PUBLIC")
    assert execute(running.cluster.url("env_one", "word", "env_one"), "SELECT current_user") == [("env_one",)]


def test_the_owner_may_hand_history_to_the_audit_role_which_cannot_log_in(running, var):
    owner = running.env["DATABASE_OWNER_URL"]
    execute(owner, "CREATE TABLE history (id int)")
    execute(owner, "ALTER TABLE history OWNER TO berth_audit")
    can_login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'berth_audit'"
    assert execute(owner, can_login) == [(False,)]


def test_checksums_are_on_and_only_loopback_is_listened_on(running):
    admin = running.cluster.admin_url
    assert execute(admin, "SHOW data_checksums") == [("on",)]
    assert execute(admin, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert execute(admin, "SHOW max_connections") == [("200",)]


def test_what_is_secret_on_disk_is_readable_by_us_alone(running, var):
    secret = ["state.json", "vault-secret-id", "openbao/seal.key", "openbao/openbao.json", "data/users.acl"]
    assert {name: mode(var / name) for name in secret} == dict.fromkeys(secret, 0o600)
    assert len((var / "openbao/seal.key").read_bytes()) == 32
    assert mode(var / "openbao/audit.log") == 0o600


def test_no_secret_stands_in_a_command_line(running, var):
    secret = state.load(var).passwords.values()
    for process in running.processes:
        assert not [word for word in secret if word in " ".join(process.spec.argv)]


@pytest.mark.parametrize("name", ["REDIS_URL", "SANDBOX_REDIS_URL"])
def test_both_valkeys_let_in_only_their_account(running, name):
    url = running.env[name]
    assert redis.from_url(url).ping() is True
    with pytest.raises(redis.AuthenticationError):
        redis.from_url("redis://" + url.rpartition("@")[2]).ping()


def test_workers_keep_secrets_of_environments_and_nothing_else(running):
    client = vault(running)
    client.secrets.kv.v2.create_or_update_secret("env/one/db", {"password": "word"}, mount_point="kv")
    read = client.secrets.kv.v2.read_secret_version("env/one/db", mount_point="kv", raise_on_deleted_version=True)
    assert read["data"]["data"] == {"password": "word"}
    for path in ("kv/data/other/db", "sys/policies/acl/berth-setup", "auth/approle/role/berth-setup"):
        with pytest.raises(hvac.exceptions.Forbidden):
            client.write_data(path, data={"data": {"a": "b"}})


def test_workers_give_an_environment_its_wrapped_secret_id(running):
    client = vault(running)
    client.sys.create_or_update_policy("env-one", 'path "kv/data/env/one/*" { capabilities = ["read"] }')
    client.auth.approle.create_or_update_approle("env-one", token_policies=["env-one"])
    wrapped = client.auth.approle.generate_secret_id("env-one", wrap_ttl="60s")["wrap_info"]["token"]
    assert client.sys.unwrap(wrapped)["data"]["secret_id"]


def test_workers_sign_and_fingerprint(running):
    client = vault(running)
    keyed = client.secrets.transit.generate_hmac("berth-hmac", hash_input="YQ==")["data"]["hmac"]
    signed = client.secrets.transit.sign_data("berth-sign", hash_input="YQ==")["data"]["signature"]
    check = client.secrets.transit.verify_signed_data("berth-sign", hash_input="YQ==", signature=signed)
    assert keyed.startswith("vault:v1:")
    assert check["data"]["valid"] is True


def test_an_old_database_server_is_refused(running, monkeypatch):
    monkeypatch.setattr(postgres, "MINIMUM", 99)
    with pytest.raises(StartError, match=r"^DATABASE_URL is PostgreSQL \d+, but Berth needs 99 or newer\.$"):
        postgres.check_external(running.env["DATABASE_URL"])


def test_a_copy_of_the_binaries_runs_from_another_place(tmp_path):
    package = Path(postgres.find_binaries(tmp_path, None)).parent.parent
    copied = postgres.copy_binaries(package, tmp_path)
    version = subprocess.run([copied / "postgres", "--version"], check=True, capture_output=True, text=True)
    assert version.stdout.startswith("postgres (PostgreSQL) 18.")
    assert subprocess.run([copied / "psql", "--version"], check=True, capture_output=True).returncode == 0
    assert mode(copied / "postgres") == 0o755
    assert postgres.copy_binaries(package, tmp_path) == copied


def test_a_cluster_of_another_major_version_is_refused(running, tmp_path):
    (tmp_path / "PG_VERSION").write_text("16\n")
    with pytest.raises(StartError, match=r"was made by PostgreSQL 16, but 18\.\d+ is installed; dump it"):
        postgres.check_version_file(tmp_path, postgres.find_binaries(tmp_path, None))


def test_a_directory_closed_to_others_moves_the_database_elsewhere_for_root_only(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "SHARED_STATE", tmp_path / "shared")
    tmp_path.chmod(0o700)
    kept = state.load(tmp_path)
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    assert postgres.prepare_home(tmp_path, kept) == tmp_path / "shared" / kept.id
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 1000)
    assert postgres.prepare_home(tmp_path, kept) == tmp_path / "postgres"
