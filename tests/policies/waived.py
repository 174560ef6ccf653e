"""Waivers that tests start from, and a ruling that blocks."""

from datetime import UTC, datetime
from typing import Any

from policies import waiving
from policies.engine import Finding, Ruling
from policies.models import Waiver
from tests.people import Demo

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RULE = "env.ttl_maximum"
SOFT = "env.ttl_month"
REFS = ("environment:6f1c1d0e-0000-4000-8000-000000000001", "service:payments-api", "team:payments")


def blocked(*rules: str, severity: str = "block") -> Ruling:
    """A ruling in which each of these rules blocks."""
    found = tuple(Finding(rule, severity, "f", 1, "It is too long.", "Ask for less.", "Pia") for rule in rules)
    return Ruling(False, found, ("env.owner",), "sha256:b", "sha256:i", 7)


def wanted(demo: Demo, **changes: Any) -> waiving.Wanted:
    usual = {
        "rule": RULE,
        "scope": "service:payments-api",
        "label": "payments-api",
        "team": demo.payments,
        "owner": demo.mara,
        "reason": "The audit runs for 80 days.",
        "days": 30,
    }
    return waiving.Wanted(**{**usual, **changes})


def asked(demo: Demo, by: str = "mara", now: datetime = NOW, **changes: Any) -> Waiver:
    waiver = waiving.ask(by=getattr(demo, by), wanted=wanted(demo, **changes), now=now)
    assert isinstance(waiver, Waiver), waiver
    return waiver


def granted(demo: Demo, by: str = "pia", now: datetime = NOW, **changes: Any) -> Waiver:
    waiver = waiving.grant(by=getattr(demo, by), waiver=asked(demo, now=now, **changes), reason="Agreed.", now=now)
    assert isinstance(waiver, Waiver), waiver
    return waiver
