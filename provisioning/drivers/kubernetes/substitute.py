"""Puts an environment's own values into `${…}` places of parsed structures. Never into text that is parsed later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.kubernetes.names import namespace_of

_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)*")
_ROOTS = frozenset({"environment", "release", "choices"})
_ENVIRONMENT = frozenset({"id", "name", "tier", "team", "service", "namespace"})


def scope_of(spec: EnvironmentSpec, namespace: str = "") -> dict[str, Any]:
    """Every name that may stand in a `${…}`: parameters by their own name, and what is known of the environment."""
    release = spec.release
    choices = {
        parameter: dict(table.get(str(spec.parameters.get(parameter)), {}))
        for parameter, table in (spec.resources.get("choices") or {}).items()
    }
    return {
        **{name: value for name, value in spec.parameters.items() if name not in _ROOTS},
        "environment": {
            "id": spec.id,
            "name": spec.name,
            "tier": spec.tier,
            "team": spec.team,
            "service": spec.service,
            "namespace": namespace or namespace_of(spec),
        },
        "release": {"version": release.version if release else "", "digest": release.digest if release else ""},
        "choices": choices,
    }


def fill(value: Any, scope: Mapping[str, Any]) -> Any:
    """The structure with its places filled. A string that is one place only takes the value's own type."""
    if isinstance(value, Mapping):
        return {key: fill(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, scope) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _PLACE.fullmatch(value)
    if whole and whole[1] is not None:
        return _value(whole[1], scope)
    return _PLACE.sub(lambda found: "${" if found[1] is None else _text(_value(found[1], scope)), value)


def bad_places(value: Any) -> Iterator[str]:
    """Every `${…}` that can never be filled, whatever the parameters are."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if "${" in str(key):
                yield str(key)
            yield from bad_places(item)
    elif isinstance(value, list):
        for item in value:
            yield from bad_places(item)
    elif isinstance(value, str):
        for found in _PLACE.finditer(value):
            if found[1] is not None and not _is_known_form(found[1]):
                yield found[0]


def _is_known_form(name: str) -> bool:
    root, _, rest = name.partition(".")
    if not _NAME.fullmatch(name):
        return False
    if root == "environment":
        return rest in _ENVIRONMENT
    if root == "release":
        return rest in {"version", "digest"}
    return bool(rest.count(".") == 1) if root == "choices" else not rest


def _value(name: str, scope: Mapping[str, Any]) -> Any:
    found: Any = scope
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise DriverRejected(f"The template asks for ${{{name}}}, which this environment does not have.")
        found = found[part]
    return list(found) if isinstance(found, tuple) else found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | Mapping):
        raise DriverRejected("A list stands alone in its place, not within a text.")
    return str(value)
