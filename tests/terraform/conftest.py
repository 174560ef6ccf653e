"""The real binary, the portal as a real state server, a provider of our own, a target with credentials in Vault."""

import dataclasses
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as django_settings

from provisioning import vault
from provisioning.vault import Secret
from tests.processes import ROOT, web
from tests.terraform import stage

CACHE = ROOT / "var" / "cache" / "terraform-provider"
WANTED = ("tf==1.2.0", "psycopg[binary]==3.3.9")


def pytest_collection_modifyitems(items):
    """Without the binary nothing here can be shown, but for what is said when it is missing."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "missing_binary" not in item.name:
            item.add_marker(pytest.mark.needs("terraform"))


@pytest.fixture(scope="session")
def state_server(django_db_setup):
    """The portal in a process of its own, on the test database."""
    with web() as address:
        yield address


@pytest.fixture(scope="session")
def mirror(tmp_path_factory):
    """A filesystem mirror with the tests' provider."""
    python = _python()
    place = tmp_path_factory.mktemp("mirror")
    folder = place / "providers.invalid/tests/berth/1.0.0" / f"linux_{stage.machine()}"
    folder.mkdir(parents=True)
    program = folder / "terraform-provider-berth_v1.0.0"
    server = (ROOT / "tests/terraform/provider/server.py").read_text()
    program.write_text(f"#!{python}\n{server}")
    program.chmod(stat.S_IRWXU)
    return place


def _python():
    """The provider's own environment, made once and kept."""
    python = CACHE / "bin" / "python"
    if not (CACHE / "done").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(CACHE)], check=True)
        said = subprocess.run([str(python), "-m", "pip", "install", "-q", *WANTED], capture_output=True, check=False)
        if said.returncode:
            pytest.skip("the tests' provider needs the packages tf and psycopg, and they could not be installed")
        (CACHE / "done").write_text("")
    return python


@pytest.fixture
def backend(state_server, settings, monkeypatch):
    """Berth's own backend, for this process and those it starts."""
    settings.BERTH = dataclasses.replace(settings.BERTH, state_url=state_server)
    monkeypatch.setenv("BERTH_STATE_URL", state_server)
    return state_server


@pytest.fixture
def target(mirror, demo, transactional_db):
    """A registered target: the provider's mirror, and the address of a real Postgres in Vault."""
    credentials = {"url": Secret(os.environ["SANDBOX_DATABASE_URL"])}
    vault.from_settings().kv_put(stage.CREDENTIALS, credentials)
    return stage.target(mirror)


@pytest.fixture
def databases():
    """The real server: what exists there, seen by somebody else than Terraform."""
    with psycopg.connect(django_settings.BERTH.sandbox_database_url, autocommit=True) as connection:
        yield connection
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tfm_%'").fetchall():
            connection.execute(f'DROP DATABASE "{name}"')
