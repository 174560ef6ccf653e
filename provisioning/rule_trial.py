"""What a rule would have asked of what was requested lately, and who could sign by it now. Writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from policies import signers
from policies.models import ApprovalRule, Decision, Team, User
from policies.requirements import Matter, joined, reason_of
from provisioning import kinds
from provisioning.models import Operation
from provisioning.selectors import operations_visible_to

DAYS = 30
MOST = 500


@dataclass(frozen=True)
class Tried:
    """One operation that the rule matches: why, how many it would have asked, and how many were asked."""

    operation: Operation
    why: str
    signatures: int
    asked: int


@dataclass(frozen=True)
class Trial:
    """The matches among the `looked_at` newest operations of the period."""

    matches: tuple[Tried, ...]
    looked_at: int
    since: datetime


def try_out(rule: ApprovalRule, *, seen_by: User, days: int = DAYS) -> Trial:
    """Match a rule against what people asked for in the last days, as far as it was recorded."""
    since = timezone.now() - timedelta(days=days)
    rows = operations_visible_to(seen_by).filter(created_at__gte=since, requester__isnull=False)
    rows = rows.select_related("environment__template_version__template", "environment__service", "team")
    found = list(rows.order_by("-created_at")[:MOST])
    return Trial(tuple(_matches(rule, found)), len(found), since)


def _matches(rule: ApprovalRule, found: list[Operation]) -> Iterator[Tried]:
    severities = _findings([row.ref for row in found])
    for row in found:
        matter = _matter(row, severities.get(row.ref, {}))
        why = reason_of(rule, matter)
        if why is not None:
            need = joined([(rule, why)], team=row.team.slug)
            yield Tried(row, why, need.signatures, row.signatures_needed)


def _findings(refs: list[str]) -> dict[str, dict[str, str]]:
    """The findings of the last ruling on each."""
    rows = Decision.objects.filter(subject__in=refs).order_by("subject", "-at", "-pk").distinct("subject")
    return {row.subject: {f["rule"]: f["severity"] for f in row.findings} for row in rows}


def _matter(row: Operation, findings: dict[str, str]) -> Matter:
    kind = kinds.get(row.kind)
    environment = row.environment
    begins = kind is not None and kind.begins_environment
    return Matter(
        kind=kind.approved_as if kind and kind.approved_as else row.kind,
        tier=row.tier,
        template=environment.template_version.template.slug,
        team=row.team.slug,
        service=environment.service.slug,
        cost_delta=environment.rate_running if begins else Decimal(0),
        findings=findings,
    )


@dataclass(frozen=True)
class StepSigners:
    """One step of a rule and who could sign it now for one team."""

    name: str
    position: int
    quorum: int
    people: tuple[User, ...]

    @property
    def is_possible(self) -> bool:
        return len(self.people) >= self.quorum


def signers_now(rule: ApprovalRule, team: Team) -> tuple[StepSigners, ...]:
    """Who could sign each step for what this team owns, whoever asks."""
    need = joined([(rule, "")], team=team.slug)
    people = signers.people_of({group for step in need.steps for group in step.who}, team)
    everybody = User.objects.in_bulk({pk for members in people.values() for pk in members})
    return tuple(
        StepSigners(
            step.name,
            step.position,
            step.quorum,
            tuple(sorted((u for pk, u in everybody.items() if signers.stands_for(pk, step.who, people)), key=str)),
        )
        for step in need.steps
    )


def teams_of(rule: ApprovalRule) -> list[Team]:
    """The teams that the rule speaks of."""
    rows = Team.objects.order_by("name")
    return list(rows.filter(slug__in=rule.teams) if rule.teams else rows)


def unsatisfiable(rules: list[ApprovalRule]) -> list[tuple[ApprovalRule, Team, StepSigners]]:
    """Steps in force that nobody, or too few people, could sign for some team."""
    return [
        (rule, team, step)
        for rule in rules
        for team in teams_of(rule)
        for step in signers_now(rule, team)
        if not step.is_possible
    ]
