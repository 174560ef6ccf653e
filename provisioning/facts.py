"""Plain facts for the policy engine, and the registry through which apps above add theirs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.models import TemplateVersion
from policies import quotas, windows
from policies.approvals import Requirement
from policies.models import Membership, Service, Team, User
from provisioning.drivers.base import Change, DriverError, Plan
from provisioning.drivers.registry import driver
from provisioning.holdings import METRIC

Provider = Callable[["Draft"], Mapping[str, Any]]


@dataclass(frozen=True)
class Draft:
    """What is asked, before anything is written. Without `environment` it shall be created.

    `operation` is the accepted operation's id, for what was allowed for that one alone.
    """

    kind: str
    name: str
    tier: str
    service: Service
    version: TemplateVersion
    parameters: Mapping[str, Any]
    owner: User | None
    ttl_hours: int | None
    requester: User | None
    created_at: datetime | None = None
    environment: str = ""
    operation: str = ""

    @property
    def team(self) -> Team:
        return self.service.team


class MissingFacts(Exception):
    """A fact that policy needs is not to be had, which denies."""


_providers: dict[str, Provider] = {}


def register(name: str, provider: Provider) -> None:
    """Add facts under `name`; a name is taken once."""
    if name in _providers and _providers[name] is not provider:
        raise ValueError(f"facts {name} are provided twice")
    _providers[name] = provider


def gather(
    draft: Draft,
    *,
    requirement: Requirement,
    plan: Plan | None,
    window: windows.Open | windows.Closed,
    now: datetime,
    needs: tuple[str, ...] = (),
) -> dict[str, Any]:
    """One snapshot of facts. Raises MissingFacts when a needed provider is absent or fails."""
    return {
        "kind": draft.kind,
        "requester": _requester(draft),
        "environment": _environment(draft, now),
        "service": {"slug": draft.service.slug, "team": draft.team.slug},
        "team": _team(draft),
        "template": _template(draft),
        "driver": _driver(draft.version.driver),
        "window": _window(window),
        "signatures": {"required": requirement.signatures, "required_owning_team": requirement.owning_team},
        "plan": None if plan is None else {"changes": [_change(change) for change in plan.changes]},
        **{name: _provided(name, draft) for name in needs},
    }


def _change(change: Change) -> dict[str, Any]:
    """What rules may judge of a change: the whole resource on both sides, null where there is none."""
    sides = {"before": change.before, "after": change.after}
    return {"address": change.address, "action": change.action, **sides}


def _provided(name: str, draft: Draft) -> Mapping[str, Any]:
    provider = _providers.get(name)
    if provider is None:
        raise MissingFacts(f"The facts {name} are not available: nothing provides them.")
    try:
        return provider(draft)
    except (LookupError, ValueError, ArithmeticError, OSError) as error:
        raise MissingFacts(f"The facts {name} are not available: {type(error).__name__}.") from error


def _requester(draft: Draft) -> dict[str, Any]:
    if draft.requester is None:
        return {"username": "schedule", "roles": [], "platform": False}
    held = Membership.objects.filter(user=draft.requester, team=draft.team).select_related("custom")
    return {
        "username": draft.requester.username,
        "roles": sorted(membership.held for membership in held),
        "platform": draft.requester.is_platform,
    }


def _environment(draft: Draft, now: datetime) -> dict[str, Any]:
    age = 0 if draft.created_at is None else int((now - draft.created_at).total_seconds() // 3600)
    return {
        "name": draft.name,
        "tier": draft.tier,
        "owner": draft.owner.username if draft.owner else None,
        "cost_centre": draft.team.cost_centre or None,
        "ttl_hours": draft.ttl_hours,
        "age_hours": age,
        "parameters": dict(draft.parameters),
    }


def _team(draft: Draft) -> dict[str, Any]:
    limit = quotas.limit_of(draft.team, METRIC)
    return {
        "slug": draft.team.slug,
        "cost_centre": draft.team.cost_centre,
        "environments": int(quotas.held(draft.team, METRIC)) - (draft.kind == "create" and draft.environment != ""),
        "environment_limit": None if limit is None else int(limit),
    }


def window_of(draft: Draft, now: datetime) -> windows.Open | windows.Closed:
    """May what is asked begin now, as far as windows go?"""
    places = {"tier": draft.tier, "team": draft.team.slug, "service": draft.service.slug}
    return windows.open_now(kind=draft.kind, now=now, **places)


def _window(found: windows.Open | windows.Closed) -> dict[str, Any]:
    if isinstance(found, windows.Open):
        return {"open": True, "rule": found.rule, "until": None}
    return {"open": False, "rule": found.rule, "until": found.until.isoformat() if found.until else None}


def _template(draft: Draft) -> dict[str, Any]:
    version = draft.version
    return {
        "slug": version.template.slug,
        "version": version.version,
        "driver": version.driver,
        "tiers": list(version.tiers),
        "ttl_hours": version.ttl_hours(draft.tier) if draft.tier in version.tiers else None,
        "ttl_max_hours": version.ttl_max_hours(draft.tier) if draft.tier in version.tiers else None,
    }


def _driver(name: str) -> dict[str, Any]:
    try:
        return {"name": name, "isolated": driver(name).isolated}
    except DriverError:
        return {"name": name, "isolated": False}
