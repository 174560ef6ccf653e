"""Where the driver works: a target's configuration read and checked, and its credentials from Vault.

No network here but the one read of Vault; repositories and clusters have modules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from provisioning.drivers.base import DriverRejected, EnvironmentSpec, TargetSpec
from provisioning.redaction import learn
from provisioning.vault import Secret, from_settings

ENGINES = ("argocd", "flux", "none")
MODES = ("direct", "pull-request")
SIGNING = ("ssh", "none")
IN_CLUSTER = "https://kubernetes.default.svc"
NAMESPACES = {"argocd": "argocd", "flux": "flux-system", "none": ""}

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){0,7}")
_AUTHOR = re.compile(r"[^<>\x00-\x1f]{1,100} <[^<>\s]{1,200}>")
_LONGEST = 24 * 3600

Credentials = Mapping[str, Secret]
ReadCredentials = Callable[[str], Credentials]


@dataclass(frozen=True)
class Waits:
    """How long each wait may take, in seconds. `degraded`: how long Degraded must last to count."""

    sync: int = 300
    health: int = 600
    degraded: int = 60
    merge: int = 3600


@dataclass(frozen=True)
class Place:
    """A Git repository and the engine that carries it into a cluster."""

    name: str
    repository: str
    branch: str
    engine: str
    mode: str
    root: str
    server: str
    ca: str
    namespace: str
    project: str
    destination: str
    signing: Literal["ssh", "none"]
    author: str
    known_hosts: str
    credentials: str
    repository_secret: str
    waits: Waits

    @property
    def reviewed(self) -> bool:
        """People merge what is pushed."""
        return self.mode == "pull-request"

    @property
    def repository_name(self) -> str:
        """The last part of the repository's address, for people."""
        return self.repository.rstrip("/").rpartition("/")[2].removesuffix(".git")

    def folder(self, spec: EnvironmentSpec) -> str:
        """The environment's directory in the repository."""
        return f"{self.root}/{spec.tier}/{spec.name}"


def place_of(target: TargetSpec | None) -> Place:
    """The target's configuration. Raises DriverRejected with the first thing that is wrong."""
    if target is None:
        raise DriverRejected("A GitOps environment needs a registered target: a Git repository to commit to.")
    config = target.config
    engine = _one_of(config, "engine", ENGINES, "none")
    place = Place(
        name=target.name,
        repository=_required(config, "repository"),
        branch=str(config.get("branch", "main")),
        engine=engine,
        mode=_one_of(config, "mode", MODES, "direct"),
        root=_matching(config, "root", _FOLDER, "environments"),
        server=_required(config, "server") if engine != "none" else "",
        ca=str(config.get("ca", "")),
        namespace=str(config.get("namespace") or NAMESPACES[engine]),
        project=str(config.get("project", "default")),
        destination=str(config.get("destination", IN_CLUSTER)),
        signing=cast(Literal["ssh", "none"], _one_of(config, "signing", SIGNING, "ssh")),
        author=_matching(config, "author", _AUTHOR, "Berth <berth@localhost>"),
        known_hosts=str(config.get("known_hosts", "")),
        credentials=target.credentials,
        repository_secret=str(config.get("repository_secret", "")),
        waits=_waits(config),
    )
    return place


def read_credentials(path: str) -> Credentials:
    """What Vault holds for a target: `https_token` or `deploy_key`, `signing_key`, and `token` for the cluster."""
    if not path:
        return {}
    found = from_settings().kv_get(path)
    if found is None:
        raise DriverRejected(f"Vault holds nothing at {path}, where the target's credentials should be.")
    for value in found.values.values():
        learn(value.reveal())
    return found.values


def _waits(config: Mapping[str, Any]) -> Waits:
    given = {name: config[f"{name}_seconds"] for name in vars(Waits()) if f"{name}_seconds" in config}
    for name, value in given.items():
        if not isinstance(value, int) or not 1 <= value <= _LONGEST:
            raise DriverRejected(f"{name}_seconds of the target must be a whole number from 1 to {_LONGEST}.")
    return Waits(**given)


def _required(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    if not isinstance(value, str) or not value:
        raise DriverRejected(f"The target's configuration lacks {name}.")
    return value


def _one_of(config: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = config.get(name, default)
    if value not in choices:
        raise DriverRejected(f"{name} of the target must be one of: {', '.join(choices)}.")
    return str(value)


def _matching(config: Mapping[str, Any], name: str, pattern: re.Pattern[str], default: str) -> str:
    value = str(config.get(name, default))
    if not pattern.fullmatch(value):
        raise DriverRejected(f"{name} of the target is not in the form that is needed, for example {default}.")
    return value
