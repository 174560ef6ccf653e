"""Short words for tests of signing: rules, a creation in prod that waits, and signing it."""

from typing import Any

from audit.context import context
from policies.models import ApprovalRule, User
from provisioning.actions.sign import approve
from provisioning.models import Operation
from tests.people import Demo, rule
from tests.provisioning.engine import drain, requested

RELIABILITY: dict[str, Any] = {"name": "Reliability", "owning": False, "teams": ["reliability"]}


def ruled(*steps: dict[str, Any], **fields: Any) -> None:
    """From now on this is the only rule. Policy itself wants two signatures in prod, one of the owning team."""
    with context(by="system:test"):
        ApprovalRule.objects.all().delete()
        rule("prod", **{"kinds": ["create", "update"], "steps": list(steps), **fields})


def planned(demo: Demo, **changes: Any) -> Operation:
    """A creation in prod with its plan."""
    operation = requested(demo, **{"name": "payments-api-prod", "tier": "prod", **changes})
    drain()
    return fresh(operation)


def fresh(operation: Operation) -> Operation:
    return Operation.objects.get(pk=operation.pk)


def sign(who: User, operation: Operation, **more: Any) -> Any:
    """Sign the plan as it is now."""
    return approve(by=who, operation=operation, digest=fresh(operation).change_digest, **more)
