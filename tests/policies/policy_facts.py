"""The facts that the engine's tests start from: a request that no shipped rule objects to."""

import copy
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

BASE: dict[str, Any] = {
    "kind": "create",
    "requester": {"username": "mara", "roles": ["developer"], "platform": False},
    "environment": {
        "name": "payments-dev",
        "tier": "dev",
        "owner": "mara",
        "cost_centre": "CC-4100",
        "ttl_hours": 72,
        "age_hours": 0,
        "parameters": {"size": "small"},
    },
    "service": {"slug": "payments", "team": "payments"},
    "team": {"slug": "payments", "cost_centre": "CC-4100", "environments": 3, "environment_limit": 10},
    "template": {
        "slug": "web-app",
        "version": "1.2.0",
        "driver": "sandbox",
        "tiers": ["sandbox", "preview", "dev", "stage", "prod"],
        "ttl_hours": 72,
        "ttl_max_hours": 720,
    },
    "driver": {"name": "sandbox", "isolated": True},
    "window": {"open": True, "rule": "", "until": None},
    "signatures": {"required": 2, "required_owning_team": 1},
    "plan": None,
}


def facts(**changes: Any) -> dict[str, Any]:
    """The base with the given parts changed; a part that is an object keeps its other members."""
    made = copy.deepcopy(BASE)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(made.get(name), dict):
            made[name].update(value)
        else:
            made[name] = value
    return made
