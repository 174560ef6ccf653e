"""Are the facts complete, as rego/facts.schema.json says? A missing fact is undefined in Rego and passes in silence.

The changes of a plan are many and flat, so they are first looked at without the validator, which names what is wrong.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA: dict[str, Any] = json.loads((Path(__file__).with_name("rego") / "facts.schema.json").read_text())
TYPES: dict[str, type] = {"string": str, "object": dict, "null": type(None)}


def _without_items(schema: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(schema)
    del found["properties"]["plan"]["properties"]["changes"]["items"]
    return found


_CHANGE = SCHEMA["properties"]["plan"]["properties"]["changes"]["items"]
_WHOLE, _REST = Draft202012Validator(SCHEMA), Draft202012Validator(_without_items(SCHEMA))
_REQUIRED = tuple(_CHANGE["required"])
_TYPED = {
    name: tuple(TYPES[each] for each in ([said["type"]] if isinstance(said["type"], str) else said["type"]))
    for name, said in _CHANGE["properties"].items()
}


def gap(document: Mapping[str, Any]) -> str:
    """The first thing that is missing or of the wrong type, as a clause of a sentence; empty when all is there."""
    plan = document.get("plan")
    changes = plan.get("changes") if isinstance(plan, Mapping) else None
    flat = isinstance(changes, list) and all(_is_change(each) for each in changes)
    for found in (_REST if flat else _WHOLE).iter_errors(document):
        return f"{found.json_path}: {found.message[:200]}"
    return ""


def _is_change(each: Any) -> bool:
    """Does it surely satisfy the schema of a change?"""
    if type(each) is not dict:
        return False
    return all(name in each for name in _REQUIRED) and all(
        isinstance(each[name], types) for name, types in _TYPED.items() if name in each
    )
