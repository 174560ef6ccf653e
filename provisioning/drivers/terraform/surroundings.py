"""What a run of the binary has around it: an environment of its own, a CLI configuration, its backend.

Nothing of the worker's own environment gets in but PATH. No secret is written here: tokens and credentials go by the
child's environment, which only this user and root can read, and only while the run lasts.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.terraform import variables
from provisioning.vault import Vault

# What each backend of Terraform's own does with secrets in a state, as its documentation says.
CLEAR = frozenset({"local", "pg", "consul", "kubernetes", "http", "etcdv3"})
RETRIES = 6
_RESERVED = ("TF_", "LD_", "PATH", "HOME", "TMPDIR")


def options(spec: EnvironmentSpec) -> Mapping[str, Any]:
    """The target's options; none without a target."""
    return spec.target.config if spec.target else {}


def own_backend(spec: EnvironmentSpec) -> str:
    """The type of the backend that the target configures, or "" for Berth's."""
    return str((options(spec).get("backend") or {}).get("type", ""))


def warning(backend: str) -> str:
    """What people should know of a backend of their own, or nothing."""
    if backend in CLEAR:
        return f"The backend {backend} keeps sensitive values of the state in clear, and Berth cannot fence its writes."
    return (
        f"The backend {backend} is not Berth's: its lock protects the state, but Berth cannot fence its writes."
        if backend
        else ""
    )


def files(spec: EnvironmentSpec) -> dict[str, bytes]:
    """What is laid beside the module: its backend, and what is to be imported."""
    own = options(spec).get("backend") or {}
    backend = {own["type"]: dict(own.get("config") or {})} if own else {"http": {}}
    found: dict[str, dict[str, Any]] = {"berth_backend_override.tf.json": {"terraform": {"backend": backend}}}
    if spec.imports:
        blocks = [{"to": address, "id": id_} for address, id_ in sorted(spec.imports.items())]
        found["berth_import.tf.json"] = {"import": blocks}
    return {name: json.dumps(content, sort_keys=True).encode() for name, content in found.items()}


def configuration(spec: EnvironmentSpec) -> bytes:
    """The CLI configuration: providers from the target's mirror and from nowhere else, or as usual without one."""
    mirror = options(spec).get("provider_mirror")
    if not mirror:
        return b""
    if not str(mirror).startswith("/"):
        raise DriverRejected("provider_mirror must be an absolute path.")
    return f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n  }}\n}}\n".encode()


def environment(spec: EnvironmentSpec, place: Path, vault: Vault) -> dict[str, str]:
    """The child's environment, without the token of the backend."""
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "LC_ALL": "C.UTF-8",
        "TF_CLI_CONFIG_FILE": str(place / "cli.tfrc"),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "GIT_ALLOW_PROTOCOL": "https:ssh",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    wanted = options(spec).get("environment") or {}
    for name in wanted:
        if name.startswith(_RESERVED):
            raise DriverRejected(f"The target may not set {name}: Berth does.")
    if wanted:
        held = variables.credentials(spec, vault)
        missing = sorted(str(field) for field in wanted.values() if field not in held)
        if missing:
            raise DriverRejected(f"The credentials of the target have no field {', '.join(missing)}.")
        found |= {name: held[field].reveal() for name, field in wanted.items()}
    return found


def backend(environment: str, token: str) -> dict[str, str]:
    """How the binary reaches Berth's own backend."""
    address = f"{settings.BERTH.state_url}/api/terraform/state/{environment}/"
    return {
        "TF_HTTP_ADDRESS": address,
        "TF_HTTP_LOCK_ADDRESS": address,
        "TF_HTTP_UNLOCK_ADDRESS": address,
        "TF_HTTP_USERNAME": "run",
        "TF_HTTP_PASSWORD": token,
        "TF_HTTP_RETRY_MAX": str(RETRIES),
        "TF_HTTP_RETRY_WAIT_MIN": "1",
        "TF_HTTP_RETRY_WAIT_MAX": "5",
    }
