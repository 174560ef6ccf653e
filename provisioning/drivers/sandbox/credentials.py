"""The Vault side of an environment: generated credentials, the policy that reads them, the workload's AppRole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from provisioning.drivers.base import DriverUnavailable, EnvironmentSpec, Resource, StepKey
from provisioning.drivers.sandbox.cache import Caches
from provisioning.drivers.sandbox.database import Databases
from provisioning.drivers.sandbox.names import Names
from provisioning.redaction import learn
from provisioning.vault import MOUNT, Secret, Vault
from provisioning.vault_errors import VaultConflict

DATABASE = "database"
CACHE = "cache"
_BYTES = 24


@dataclass(frozen=True)
class Credentials:
    """What the worker keeps in Vault for an environment."""

    vault: Vault
    databases: Databases
    caches: Caches

    def create(self, spec: EnvironmentSpec, names: Names, key: StepKey) -> None:
        """Write each missing secret once, then policy and role. What stands is kept: others may use it."""
        for name in secret_names(spec):
            key.guard()
            path = f"{names.vault_path}/{name}"
            try:
                self.vault.kv_put(path, self._generated(name, names), cas=0)
            except VaultConflict:
                continue
        key.guard()
        self.vault.policy_put(names.short, policy_of(names))
        self.vault.approle_put(names.short, (names.short,))

    def password(self, names: Names, secret: str) -> Secret:
        """Return the password of one generated credential."""
        found = self.vault.kv_get(f"{names.vault_path}/{secret}")
        if found is None:
            raise DriverUnavailable(f"the credential {secret} is not in Vault")
        learn(found.values["password"].reveal())
        return found.values["password"]

    def versions(self, spec: EnvironmentSpec, names: Names) -> dict[str, int]:
        """Return the current version of each secret that stands in Vault."""
        return self.vault.kv_versions({name: f"{names.vault_path}/{name}" for name in secret_names(spec)})

    def drop(self, names: Names, key: StepKey) -> None:
        """Remove role, policy and every version of every secret; absence is fine."""
        key.guard()
        self.vault.approle_delete(names.short)
        self.vault.policy_delete(names.short)
        for path in _paths(self.vault, names.vault_path):
            key.guard()
            self.vault.kv_destroy_all(path)

    def observe(self, names: Names) -> Iterator[Resource]:
        """Yield what stands in Vault of an environment: names only."""
        paths = list(_paths(self.vault, names.vault_path))
        if paths:
            found = sorted(path.removeprefix(names.vault_path + "/") for path in paths)
            yield Resource("vault.path", {"path": names.vault_path, "secrets": found})
        if self.vault.policy_exists(names.short):
            yield Resource("vault.policy", {"name": names.short})
        if self.vault.approle_exists(names.short):
            yield Resource("vault.approle", {"name": names.short})

    def _generated(self, name: str, names: Names) -> Mapping[str, Secret]:
        value = learn(secrets.token_urlsafe(_BYTES))
        if name == DATABASE:
            address = self.databases.address(names)
            url = "postgresql://{user}:{password}@{host}:{port}/{dbname}"
        elif name == CACHE:
            address = self.caches.address(names)
            url = "redis://{user}:{password}@{host}:{port}/0"
        else:
            return {"value": Secret(value)}
        fields = {**address, "password": value}
        fields["url"] = url.format(**{part: quote(text, safe="[]:") for part, text in fields.items()})
        return {part: Secret(text) for part, text in fields.items()}


def secret_names(spec: EnvironmentSpec) -> tuple[str, ...]:
    """Return the names of all secrets of an environment: those of its resources and those its template asks for."""
    own = [name for name in (DATABASE, CACHE) if spec.resources.get(name)]
    return tuple(sorted({*own, *(secret.name for secret in spec.secrets)}))


def policy_of(names: Names) -> str:
    """Return the ACL policy of a workload: read its own secrets, give its token back, nothing else."""
    return (
        f'path "{MOUNT}/data/{names.vault_path}/*" {{ capabilities = ["read"] }}\n'
        'path "auth/token/revoke-self" { capabilities = ["update"] }\n'
    )


def _paths(vault: Vault, path: str) -> Iterator[str]:
    for name in vault.kv_list(path):
        below = f"{path}/{name}"
        if name.endswith("/"):
            yield from _paths(vault, below.rstrip("/"))
        else:
            yield below
