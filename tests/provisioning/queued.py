"""Operations written straight into the queue, for tests of order and place; none is worked on."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from audit.context import context
from policies.models import Service, Team
from provisioning import lifecycle
from provisioning.models import Environment, Operation, Target
from tests import people
from tests.people import Demo

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.get_fixed_timezone(0))


def team(demo: Demo, slug: str) -> Service:
    """One more team with one service."""
    with context(by="system:test"):
        made = Team.objects.create(organisation=demo.payments.organisation, slug=slug, name=slug.title())
        return Service.objects.create(team=made, slug=f"{slug}-api", name=f"{slug} API")


def target(slug: str = "eu-1", **fields: Any) -> Target:
    """A registered place of the test driver."""
    with context(by="system:test"):
        return Target.objects.create(slug=slug, name=slug, driver="noop", **fields)


def environment(demo: Demo, name: str, *, service: Service | None = None, tier: str = "dev") -> Environment:
    at = service or demo.api
    return people.environment(demo, name, tier, service=at, team=at.team, status="ready")


def queued(demo: Demo, name: str, *, service: Service | None = None, minute: int = 0, **fields: Any) -> Operation:
    """One operation that waits since `minute` past nine, in an environment of its own unless one is given."""
    tier = fields.pop("tier", "dev")
    place = fields.pop("environment", None) or environment(demo, name, service=service, tier=tier)
    origin = fields.pop("origin", "person")
    defaults: dict[str, Any] = {
        "kind": "update",
        "environment": place,
        "team": place.team,
        "tier": place.tier,
        "origin": origin,
        "requester": demo.mara if origin == "person" else None,
        "reason": name,
        "arguments": {"parameters": {"size": "L"}},
        "status": "queued",
        "queued_at": T0 + timedelta(minutes=minute),
        "pool": fields["target"].pool if fields.get("target") else "",
    }
    with context(by="system:test"):
        return Operation.objects.create(**{**defaults, **fields})


def take() -> str:
    """Claim the next one as a worker does; its name, or nothing."""
    with context(by="worker:w"):
        lease = lifecycle.claim(holder="w")
    return named(lease.operation) if lease else ""


def named(pk: Any) -> str:
    """What a test calls the operation: its reason, or its environment's name."""
    found = Operation.objects.select_related("environment").get(pk=pk)
    return found.reason or found.environment.name


def end(name: str) -> None:
    """As if its worker had finished it."""
    with context(by="worker:w"):
        Operation.objects.filter(reason=name).update(status="verifying")
        Operation.objects.filter(reason=name).update(status="succeeded", finished_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM provisioning_operationlease WHERE operation_id IN"
            " (SELECT id FROM provisioning_operation WHERE reason = %s)",
            [name],
        )


def order() -> list[str]:
    """The names in which a single worker takes and finishes what waits."""
    names = []
    while name := take():
        names.append(name)
        end(name)
    return names
