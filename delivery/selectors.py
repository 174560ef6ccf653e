"""Reads of releases and pipelines: what runs where, what can move, and why not."""

from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from django.db.models import QuerySet

from delivery.models import Release
from policies.models import Service, User
from policies.permissions import Permission, services_with
from provisioning.models import Environment, Operation
from provisioning.states import TERMINAL, WAITING
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.tiers import rank

MOVES = ("deploy", "promote", "rollback")


def releases_visible_to(user: User) -> QuerySet[Release]:
    """Releases of the teams the person may see, newest first."""
    return Release.objects.filter(service__in=services_with(user, Permission.VIEW))


def services_visible_to(user: User) -> QuerySet[Service]:
    """Services of the teams the person may see."""
    return services_with(user, Permission.VIEW)


def deployments(environment: Environment) -> QuerySet[Operation]:
    """Successful arrivals of releases in an environment, newest first."""
    rows = Operation.objects.filter(environment=environment, kind__in=MOVES, status=S.SUCCEEDED)
    return rows.order_by("-finished_at", "-pk")


def previous_release(environment: Environment) -> Release | None:
    """The release that ran here before the present one, or None."""
    present = environment.release.get("digest")
    for arguments in deployments(environment).values_list("arguments", flat=True)[:50]:
        data = arguments["release"]
        if data["digest"] != present:
            return Release.objects.filter(pk=data["release"]).first()
    return None


@dataclass(frozen=True)
class Stage:
    """One environment of a service's pipeline."""

    environment: Environment
    version: str
    digest: str
    moving: Operation | None


@dataclass(frozen=True)
class Condition:
    """One thing a move needs: met or not, in words, and whom it waits for."""

    met: bool
    text: str


@dataclass(frozen=True)
class Gate:
    """The line between two stages: which release can move, and what is met or not."""

    source: Stage
    target: Stage
    release: Release | None
    conditions: tuple[Condition, ...]

    @property
    def is_open(self) -> bool:
        return self.release is not None and all(condition.met for condition in self.conditions)


@dataclass(frozen=True)
class Pipeline:
    """A service's live environments from the lowest tier to the highest, with the gates between them."""

    service: Service
    stages: tuple[Stage, ...]
    gates: tuple[Gate, ...]


def pipelines(services: list[Service]) -> list[Pipeline]:
    """The pipelines of several services in a fixed number of queries."""
    rows = Environment.objects.filter(service__in=services).exclude(status=E.DESTROYED)
    environments = list(rows.select_related("service", "team", "owner"))
    moving = {
        operation.environment_id: operation
        for operation in Operation.objects.filter(environment__in=environments, kind__in=MOVES)
        .exclude(status__in=TERMINAL)
        .order_by("created_at")
    }
    releases = {(r.service_id, r.digest): r for r in Release.objects.filter(service__in=services)}
    return [_pipeline(service, environments, moving, releases) for service in services]


def _pipeline(
    service: Service,
    environments: list[Environment],
    moving: dict[UUID, Operation],
    releases: dict[tuple[int, str], Release],
) -> Pipeline:
    own = sorted((e for e in environments if e.service_id == service.pk), key=lambda e: (rank(e.tier), e.name))
    stages = tuple(Stage(e, e.release.get("version", ""), e.release.get("digest", ""), moving.get(e.pk)) for e in own)
    gates = tuple(_gate(low, high, releases) for low, high in pairwise(stages))
    return Pipeline(service, stages, gates)


def _gate(low: Stage, high: Stage, releases: dict[tuple[int, str], Release]) -> Gate:
    release = releases.get((low.environment.service_id, low.digest))
    if release is None or low.digest == high.digest:
        return Gate(low, high, None, ())
    return Gate(low, high, release, tuple(_conditions(low, high, release)))


def _conditions(low: Stage, high: Stage, release: Release) -> list[Condition]:
    found = [
        Condition(low.environment.status == E.READY, f"{release.version} runs in {low.environment.tier}"),
        Condition(high.environment.status == E.READY, f"{high.environment.name} is running"),
    ]
    if high.moving is not None:
        waits = "waits for signatures" if high.moving.status in WAITING else "is under way"
        found.append(Condition(False, f"{high.moving.kind.capitalize()} {high.moving.short_id} {waits}"))
    else:
        found.append(Condition(True, f"Nothing else moves in {high.environment.tier}"))
    return sorted(found, key=lambda condition: condition.met)
