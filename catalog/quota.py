"""How much of each quota an environment takes with given parameters.

How much a team has left is known to policies.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any


def uses(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, int]:
    """Sum of the `quota` keywords, as `{"vcpu": 2, "memory_gib": 4}`; absent counts at its default."""
    total: Counter[str] = Counter()
    for name, field in schema.get("properties", {}).items():
        value = parameters.get(name, field.get("default"))
        for resource, use in field.get("quota", {}).items():
            total[resource] += _amount(use, value)
    return {resource: amount for resource, amount in sorted(total.items()) if amount}


def _amount(use: int | Mapping[str, int], value: Any) -> int:
    if isinstance(use, Mapping):
        return use.get(str(value), 0)
    # A number below zero gives nothing back of what the other parameters take.
    return use * max(0, int(value)) if isinstance(value, int) else 0
