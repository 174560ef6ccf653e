"""What people may see of a state: addresses and types, who holds the lock, the saved versions. Never a value."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from provisioning.drivers.terraform import state
from provisioning.drivers.terraform.outputs import index
from provisioning.models import Environment, TerraformState, TerraformStateVersion


@dataclass(frozen=True)
class Line:
    """One instance of a resource in a state."""

    address: str
    type: str
    provider: str
    tainted: bool = False
    deposed: bool = False


def lines(environment: Environment) -> list[Line]:
    """The resources of the present state, by address. Reads Vault; raises its errors."""
    found = state.load(environment.pk)
    document: dict[str, Any] = json.loads(found) if found else {}
    return sorted(
        (line for raw in document.get("resources", []) for line in _lines(raw)), key=lambda line: line.address
    )


def _lines(raw: dict[str, Any]) -> list[Line]:
    data = "data." if raw.get("mode") == "data" else ""
    module = f"{raw['module']}." if raw.get("module") else ""
    address = f"{module}{data}{raw['type']}.{raw['name']}"
    provider = str(raw.get("provider", "")).rpartition("/")[2].strip('"]')
    return [
        Line(
            address=f"{address}{index(each.get('index_key'))}",
            type=str(raw["type"]),
            provider=provider,
            tainted=each.get("status") == "tainted",
            deposed="deposed" in each,
        )
        for each in raw.get("instances", [])
    ]


def row(environment: Environment) -> TerraformState | None:
    """Serial, lineage and lock of the present state; None before the first run."""
    return TerraformState.objects.filter(pk=environment.pk).first()


def versions(environment: Environment) -> QuerySet[TerraformStateVersion]:
    """Every saved version, newest first, without its body."""
    return TerraformStateVersion.objects.filter(environment=environment).defer("body")
