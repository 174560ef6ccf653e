"""What the addresses of approval rules name in the role matrix, and what each persona gets there."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.context import context
from policies.delegations import Absence, delegate
from policies.models import BrokenGlass, Delegation
from provisioning.models import Operation
from tests.people import Demo


def rows(demo: Demo, awaiting: Operation) -> dict[str, Any]:
    """One of each."""
    now = timezone.now()
    absence = Absence(demo.jonas, demo.olaf, now + timedelta(days=1), now + timedelta(days=2), "On leave")
    made = delegate(by=demo.jonas, absence=absence)
    assert isinstance(made, Delegation)
    with context(by="system:test"):
        glass = BrokenGlass.objects.create(
            subject=awaiting.ref,
            digest=awaiting.change_digest,
            team=awaiting.team,
            requester=demo.mara,
            breaker=demo.ines,
            reason="Prod is down",
            at=now - timedelta(minutes=20),
            start_by=now - timedelta(minutes=5),
        )
    return {"delegation": made, "glass": glass}


def rule_body(world: Any) -> dict[str, Any]:
    return {"description": "Two sign", "steps": [{"quorum": 2}]}


def new_rule(world: Any) -> dict[str, Any]:
    return {"slug": "two", **rule_body(world)}


def away(world: Any) -> dict[str, Any]:
    return {"to": "olaf", "ends_at": (timezone.now() + timedelta(days=1)).isoformat(), "reason": "On leave"}


def glass_body(world: Any) -> dict[str, Any]:
    return {"digest": world.awaiting.change_digest, "reason": "Prod is down"}


def edit_body(world: Any) -> dict[str, Any]:
    return {"digest": world.awaiting.change_digest, "parameters": {"size": "M"}}


def review_body(world: Any) -> dict[str, Any]:
    return {"review": "The outage was real."}
