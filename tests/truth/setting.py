"""What is different in the world for one case. Written as rows inside the case's savepoint, and undone with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from audit.context import context
from policies.delegations import Absence, delegate
from policies.models import (
    ApprovalRule,
    Budget,
    Delegation,
    Quota,
    RuleStep,
    Stop,
    Switch,
    Team,
    User,
    Waiver,
    Window,
)
from provisioning.models import Environment
from tests import noop
from tests.truth.axes import Case
from tests.truth.oracle import CULPRITS, LIFETIMES
from tests.truth.world import World

ACTIVE = {
    "freeze": ("everything",),
    "prod": ("prod-only",),
    "rollbacks": ("no-rollback",),
    "over": ("over",),
    "allowed": ("office",),
    "outside": ("later",),
    "both": ("everything", "office"),
    "other": ("others",),
}
# Thirteen environments of size S are held: 13 vCPU and 474.50 EUR a month.
FULL, MONEY = 13, Decimal("474.50")


@contextmanager
def set_up(world: World, case: Case) -> Iterator[Environment | None]:
    """The case's world, and the environment that it changes (None: it asks for one)."""
    noop.reset()
    with patch.object(noop.NoopDriver, "isolated", case["findings"] != "unisolated"):
        with context(by="system:test"):
            _windows(world, case["window"])
            _quota(world, case)
            _rules(case["rules"])
            environment = _environment(world, case)
        if case["exception"] in ("asked", "granted", "expired"):
            waive(world, CULPRITS[case["findings"]], "service:payments-api", world.people["mara"], case["exception"])
        if case["approvers"] == "stand_in":
            _stand_in(world)
        yield environment


def _windows(world: World, setting: str) -> None:
    if setting in ACTIVE:
        Window.objects.filter(slug__in=ACTIVE[setting]).update(active=True)
    elif setting in ("line", "lines"):
        Stop.objects.create(
            service=world.demo.api if setting == "line" else None, reason="Odd.", stopped_by=world.demo.pia
        )
    elif setting in ("paused", "schedules"):
        name, now = "provisioning" if setting == "paused" else "schedules", timezone.now()
        ends = {"began_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=2)}
        Switch.objects.create(name=name, reason="It moves.", by=world.demo.pia, **ends)


def _quota(world: World, case: Case) -> None:
    team, name = {"team": world.team}, case["quota"]
    organisation = {"organisation": world.team.organisation}
    held_in_tier = 3 if case["tier"] == "sandbox" else 2
    quotas: dict[str, dict[str, Any]] = {
        "room": {**team, "metric": "environments", "limit": FULL + 7},
        "last": {**team, "metric": "environments", "limit": FULL + 1},
        "full": {**team, "metric": "environments", "limit": FULL},
        "lowered": {**team, "metric": "environments", "limit": FULL - 8},
        "tier": {**team, "tier": case["tier"], "metric": "environments", "limit": held_in_tier},
        "service": {"service": world.demo.api, "metric": "vcpu", "limit": FULL},
        "money": {**organisation, "metric": "cost_month", "limit": MONEY + 80, "currency": "EUR"},
        "currency": {**organisation, "metric": "cost_month", "limit": 10**6, "currency": "USD"},
    }
    budgets: dict[str, dict[str, Any]] = {
        "blocks": {"amount": 1, "blocks": True},
        "warns": {"amount": 1},
        "small": {"amount": 10**6, "auto_approve_below": 100},
    }
    if name in quotas:
        Quota.objects.create(**quotas[name])
    if name in budgets:
        Budget.objects.create(**team, currency="EUR", **budgets[name])


# Beside the rule that is shipped: what it asks of whom, and when.
RULES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "warned": ({"findings": ["any:warn"]}, [{}]),
    "waived": ({"findings": ["any:waived"]}, [{"position": 2, "name": "Risk", "owning": False, "roles": ["owner"]}]),
    "shut": ({"outside_window": True}, [{"name": "Duty", "owning": False, "teams": ["reliability"]}]),
    "steps": (
        {"tiers": ["test", "stage"]},
        [{"name": "Team"}, {"position": 2, "name": "Reliability", "owning": False, "teams": ["reliability"]}],
    ),
    "costly": ({"cost_delta": "0.08"}, [{}]),
}


def _rules(name: str) -> None:
    if name == "none":
        ApprovalRule.objects.update(active=False)
    if name == "foreign":
        RuleStep.objects.update(owning=False, owning_least=0)
    if name in RULES:
        criteria, steps = RULES[name]
        made = ApprovalRule.objects.create(slug=name, description=name, **criteria)
        RuleStep.objects.bulk_create(RuleStep(rule=made, **step) for step in steps)


def version_of(case: Case) -> str:
    """Which template the case is of."""
    return {"tierless": f"not {case['tier']}", "endless": "endless"}.get(case["findings"], "clean")


def lifetime_of(case: Case) -> int | None:
    """How many hours it lives: without an end in stage and prod, unless the case is about the lifetime."""
    if case["findings"] == "endless":
        return None
    return LIFETIMES.get(case["findings"], None if case["tier"] in ("stage", "prod") else 72)


def _environment(world: World, case: Case) -> Environment | None:
    if case["findings"] == "costless":
        Team.objects.filter(pk=world.team.pk).update(cost_centre="")
    if case["kind"] == "create":
        return None
    found = world.environments[case["tier"], "suspended" if case["kind"] == "resume" else "ready"]
    hours = lifetime_of(case)
    ends = None if hours is None else found.created_at + timedelta(hours=hours)
    version = world.versions[version_of(case)]
    Environment.objects.filter(pk=found.pk).update(expires_at=ends, expires_at_most=ends, template_version=version)
    if case["findings"] == "removal":
        noop.WORLD[str(found.pk)] = {"left": {"parameters": {}, "release": "", "running": True}}
    related = ("service__team", "team", "owner", "target", "template_version__template")
    return Environment.objects.select_related(*related).get(pk=found.pk)


def waive(world: World, rule: str, scope: str, by: User, state: str) -> None:
    """An exception from a rule as it lies in the database: asked for, granted, or granted and over."""
    now = timezone.now()
    over = timedelta(days=2) if state == "expired" else timedelta()
    with context(by="system:test"):
        made = Waiver.objects.create(
            rule=rule,
            scope=scope,
            label="Payments API",
            team=world.team,
            owner=by,
            reason="It cannot be kept.",
            asked_by=by,
            asked_at=now - over - timedelta(hours=1),
            expires_at=now - over + timedelta(days=1),
        )
        if state != "asked":
            decided = {"decided_by": world.demo.ines, "decided_at": now - over, "decision_reason": "It may."}
            Waiver.objects.filter(pk=made.pk).update(state="granted", **decided)


def _stand_in(world: World) -> None:
    """Vera signs for Jonas, who is away."""
    now = timezone.now()
    absence = Absence(world.demo.jonas, world.demo.vera, now - timedelta(hours=1), now + timedelta(days=1), "Away")
    made = delegate(by=world.demo.jonas, absence=absence)
    assert isinstance(made, Delegation), made
