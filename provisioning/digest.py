"""The change digest: SHA-256 of RFC 8785 canonical JSON of exactly what an operation would change.

No timestamps, no floats, nothing of the policy result, cost total, quota or windows: those are context.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import rfc8785

from provisioning.drivers.base import Plan

SCHEMA = "berth.change/1"
LARGEST = 2**53 - 1


@dataclass(frozen=True)
class ChangeSubject:
    """What is changed, where, and by which recipe. Durations in hours; rates per hour with their price book.

    `secrets` are versions by name, never values.
    `target` is `<slug>@<digest of its configuration>`: what was signed for one place is never applied to another.
    """

    kind: str
    environment: str
    name: str
    tier: str
    template: str
    parameters: Mapping[str, Any]
    release: str
    ttl_hours: int | None
    rates: Mapping[str, str]
    target: str = ""
    secrets: Mapping[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """What is hashed and stored; a driver's own place and an environment without secrets add nothing."""
        return {key: value for key, value in vars(self).items() if key not in _OPTIONAL or value}


_OPTIONAL = frozenset({"target", "secrets"})
_WORDS = {"template": "template version", "rates": "cost", "secrets": "secret version", "parameters": "parameter"}


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes; floats, decimals and numbers beyond 2⁵³ become strings, so that no formatting differs."""
    return bytes(rfc8785.dumps(_plain(value)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | Decimal):
        return format(Decimal(str(value)).normalize(), "f")
    if isinstance(value, int) and abs(value) > LARGEST:
        return str(value)
    return value


def sha256(value: Any) -> str:
    """`sha256:<hex>` of the canonical form."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def change_digest(subject: ChangeSubject, plan: Plan) -> str:
    """The address of a change: the same change has the same digest anywhere, any time."""
    changes = [
        {
            "address": change.address,
            "action": change.action,
            "before": change.before,
            "after": change.after,
            "unknown": sorted(change.unknown),
        }
        for change in sorted(plan.changes, key=lambda change: change.address)
    ]
    return sha256({"schema": SCHEMA, **subject.document(), "changes": changes})


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Which parts of two recorded change documents differ, in words, sorted."""
    words: list[str] = []
    for part in sorted(set(before) | set(after)):
        if part == "changes":
            old = {c["address"]: c for c in before.get(part, [])}
            new = {c["address"]: c for c in after.get(part, [])}
            words += [f"resource {address}" for address in _changed(old, new)]
        elif part in ("parameters", "secrets"):
            words += [f"{_WORDS[part]} {name}" for name in _changed(before.get(part) or {}, after.get(part) or {})]
        elif canonical(before.get(part)) != canonical(after.get(part)):
            words.append(_WORDS.get(part, part.replace("_", " ")))
    return words


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*old, *new} if canonical(old.get(name)) != canonical(new.get(name)))
