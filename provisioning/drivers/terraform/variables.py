"""Values of a module's variables: from the template, its parameters, the environment, and Vault.

They reach the binary through a file that exists in memory only; never on the command line, never on disk.
"""

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.terraform.module import Module
from provisioning.redaction import learn
from provisioning.vault import Secret, Vault

VALUE = "value"
SUSPENDED = "suspended"
_CONTROL = re.compile(r"\\([bf])")


@dataclass(frozen=True)
class Values:
    """What each variable gets. `made` are secrets of the environment that do not stand in Vault yet."""

    plain: Mapping[str, Any]
    secret: Mapping[str, Secret] = field(default_factory=dict)
    made: Mapping[str, Secret] = field(default_factory=dict)


def path_of(spec: EnvironmentSpec) -> str:
    """Where the environment's secrets stand, below the KV mount."""
    return f"env/{spec.name}-{spec.id.replace('-', '')[:8]}"


def values_of(spec: EnvironmentSpec, module: Module, kind: str, vault: Vault) -> Values:
    """What the module's variables get for an operation of this kind. Reads Vault, writes nothing."""
    context = {
        "name": spec.name,
        "environment": spec.id,
        "tier": spec.tier,
        "team": spec.team,
        "service": spec.service,
        "release": spec.release.version if spec.release else "",
    }
    plain: dict[str, Any] = {name: value for name, value in context.items() if name in module.variables}
    plain |= {name: value for name, value in spec.parameters.items() if name in module.variables}
    secret: dict[str, Secret] = {}
    made: dict[str, Secret] = {}
    own = {each.name: {"secret": each.name} for each in spec.secrets if each.name in module.variables}
    for name, source in {**own, **spec.resources.get("variables", {})}.items():
        if not isinstance(source, dict):
            plain[name] = source
        elif "parameter" in source:
            plain[name] = spec.parameters.get(source["parameter"])
        elif "credential" in source:
            secret[name] = _credential(spec, source["credential"], vault)
        else:
            secret[name] = _own(spec, source, vault, made)
    if SUSPENDED in module.variables:
        plain[SUSPENDED] = is_suspended_after(spec, kind)
    for value in secret.values():
        learn(value.reveal())
    return Values({name: value for name, value in plain.items() if name not in secret}, secret, made)


def is_suspended_after(spec: EnvironmentSpec, kind: str) -> bool:
    """Tell whether the environment is suspended once an operation of this kind has ended."""
    return kind == "suspend" or (spec.suspended and kind not in {"create", "resume"})


def credentials(spec: EnvironmentSpec, vault: Vault) -> Mapping[str, Secret]:
    """The fields of the target's credentials in Vault; none without a target."""
    if spec.target is None or not spec.target.credentials:
        return {}
    found = vault.kv_get(spec.target.credentials)
    if found is None:
        raise DriverRejected(f"The credentials of the target {spec.target.name} are not in Vault.")
    return found.values


def _credential(spec: EnvironmentSpec, wanted: str, vault: Vault) -> Secret:
    found = credentials(spec, vault).get(wanted)
    if found is None:
        place = spec.target.name if spec.target else "the environment, which has no target"
        raise DriverRejected(f"The credentials of {place} have no field {wanted}.")
    return found


def _own(spec: EnvironmentSpec, source: Mapping[str, str], vault: Vault, made: dict[str, Secret]) -> Secret:
    """A secret of the environment. While it is not in Vault it is derived, so that planning writes nothing."""
    name, part = source["secret"], source.get("field", VALUE)
    found = vault.kv_get(f"{path_of(spec)}/{name}")
    if found is not None:
        if part not in found.values:
            raise DriverRejected(f"The secret {name} has no field {part}.")
        return found.values[part]
    keyed = vault.transit_hmac(f"terraform:{spec.id}:{name}:{part}".encode()).rpartition(":")[2]
    made[name] = Secret(base64.urlsafe_b64encode(base64.b64decode(keyed))[:32].decode())
    return made[name]


@contextmanager
def in_memory(values: Values) -> Iterator[int]:
    """A descriptor of a file that lives in memory and holds every value in Terraform's own syntax."""
    everything = {**values.plain, **{name: value.reveal() for name, value in values.secret.items()}}
    text = "".join(f"{name} = {_written(value)}\n" for name, value in sorted(everything.items()))
    descriptor = os.memfd_create("variables", 0)
    try:
        os.write(descriptor, text.encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _written(value: Any) -> str:
    """A value as an expression; templates and what JSON escapes otherwise are spelled out."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(str(key))} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    text = _CONTROL.sub(
        lambda found: "\\u0008" if found[1] == "b" else "\\u000c", json.dumps(value, ensure_ascii=False)
    )
    return text.replace("${", "$${").replace("%{", "%%{")
