"""What a module gives back: plain outputs for people, sensitive ones straight into Vault, version by version."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.drivers.base import EnvironmentSpec, Log, Resource, StepKey
from provisioning.drivers.terraform.variables import VALUE, Values, path_of
from provisioning.redaction import learn
from provisioning.vault import Secret, Vault
from provisioning.vault_errors import VaultConflict

ADDRESS = "vault.secrets"


def plain(state: Mapping[str, Any]) -> dict[str, str]:
    """Outputs that anybody may read, as text."""
    outputs = state.get("outputs", {})
    return {name: _text(each["value"]) for name, each in sorted(outputs.items()) if not each.get("sensitive")}


def sensitive(state: Mapping[str, Any]) -> dict[str, dict[str, Secret]]:
    """Sensitive outputs by name, as fields of a secret: an object's own, or one field `value`."""
    found: dict[str, dict[str, Secret]] = {}
    for name, each in state.get("outputs", {}).items():
        if not each.get("sensitive") or each["value"] is None:
            continue
        value = each["value"]
        fields = value if isinstance(value, dict) and value else {VALUE: value}
        found[name] = {part: Secret(learn(_text(item))) for part, item in fields.items()}
    return found


def addresses(state: Mapping[str, Any]) -> list[str]:
    """The addresses of every instance that a state (as the backend keeps it) holds, sorted."""
    return sorted(address for raw in state.get("resources", []) for address in _addresses(raw))


def _addresses(raw: Mapping[str, Any]) -> list[str]:
    data = "data." if raw.get("mode") == "data" else ""
    module = f"{raw['module']}." if raw.get("module") else ""
    found = [each.get("index_key") for each in raw.get("instances", [])]
    return [f"{module}{data}{raw['type']}.{raw['name']}{index(key)}" for key in found]


def index(key: str | int | None) -> str:
    """The index of an instance, as an address writes it."""
    return "" if key is None else f"[{json.dumps(key)}]"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


@dataclass(frozen=True)
class Shelf:
    """The secrets of one environment in Vault."""

    spec: EnvironmentSpec
    vault: Vault

    def observed(self) -> Resource | None:
        """The names that stand there."""
        names = sorted(name for name in self.vault.kv_list(path_of(self.spec)) if not name.endswith("/"))
        return Resource(ADDRESS, {"path": path_of(self.spec), "names": names}) if names else None

    def versions(self) -> dict[str, int]:
        """The current version of each secret."""
        found = self.observed()
        names = found.state["names"] if found else []
        return self.vault.kv_versions({name: f"{path_of(self.spec)}/{name}" for name in names})

    def make(self, values: Values, key: StepKey) -> None:
        """Write secrets that were derived for variables and do not stand there yet."""
        for name, value in values.made.items():
            key.guard()
            try:
                self.vault.kv_put(f"{path_of(self.spec)}/{name}", {VALUE: value}, cas=0)
            except VaultConflict:
                continue

    def put(self, state: Mapping[str, Any], key: StepKey, log: Log) -> int:
        """Bring every sensitive output to Vault; how many were written. Equal ones keep their version."""
        written = 0
        for name, fields in sensitive(state).items():
            path = f"{path_of(self.spec)}/{name}"
            found = self.vault.kv_get(path)
            if found is not None and dict(found.values) == fields:
                continue
            key.guard()
            version = self.vault.kv_put(path, fields, cas=found.version if found else 0)
            log(f"Output {name} stands in Vault as version {version}")
            written += 1
        return written

    def drop(self, key: StepKey) -> None:
        """Remove every version of every secret; absence is fine."""
        self.remove(self.vault.kv_list(path_of(self.spec)), key)

    def remove(self, names: Iterable[str], key: StepKey) -> None:
        """Remove every version of these secrets; absence is fine."""
        for name in names:
            key.guard()
            self.vault.kv_destroy_all(f"{path_of(self.spec)}/{name}")
