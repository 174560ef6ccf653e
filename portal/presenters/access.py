"""Rights, grants and roles as pages show them, and the approval rules that nobody can satisfy."""

from dataclasses import dataclass

from policies.access.leaving import teams_without_owner
from policies.access.why import Explanation, explain
from policies.models import AccessGrant, ApprovalRule, CustomRole, Effect, Role, Team, User
from policies.permissions import ROLE_TABLE, Permission, Scope, people_with, teams_with


def sentence(grant: AccessGrant) -> str:
    """A grant in words."""
    act = "denied to" if grant.effect == Effect.DENY else "granted to"
    return f"{grant.matter} on {grant.where}, {act} {grant.user}"


@dataclass(frozen=True)
class RoleRow:
    """A role with its rights."""

    slug: str
    name: str
    built_in: bool
    permissions: list[str]


def role_table() -> list[RoleRow]:
    """Built-in roles first."""
    built_in = [RoleRow(role.value, str(role.label), True, sorted(ROLE_TABLE[role])) for role in Role]
    custom = [RoleRow(role.slug, role.name, False, sorted(role.permissions)) for role in CustomRole.objects.all()]
    return built_in + custom


def every_right(person: User, where: Scope) -> list[Explanation]:
    """Everything the person may do there, each with its sources."""
    return [explain(person, permission, where) for permission in Permission]


@dataclass(frozen=True)
class Unmet:
    """A rule that nobody can satisfy for a team, with the numbers."""

    team: Team
    rule: str
    says: str


def unsatisfied(viewer: User) -> list[Unmet]:
    """What nobody can do any more in the teams the viewer sees: approval rules, and teams without owner."""
    teams = list(teams_with(viewer, Permission.VIEW))
    bare = set(teams_without_owner().values_list("pk", flat=True))
    found = [Unmet(team, "owner", "Nobody is owner.") for team in teams if team.pk in bare]
    signers = {team.slug: _signers(team) for team in Team.objects.all()}
    for rule in ApprovalRule.objects.filter(active=True):
        for team in teams:
            found += _unmet(rule, team, signers)
    return found


def _signers(team: Team) -> set[int]:
    return set(people_with(Permission.APPROVE, team).values_list("pk", flat=True))


def _unmet(rule: ApprovalRule, team: Team, signers: dict[str, set[int]]) -> list[Unmet]:
    """The requester never counts, so one person more than it names may be needed."""
    owning = signers[team.slug]
    everybody = set().union(owning, *(signers.get(slug, set()) for slug in rule.also_from))
    if len(everybody) >= rule.signatures and len(owning) >= rule.owning_team:
        return []
    says = f"{rule.signatures} must sign, {rule.owning_team} of {team.name}; {len(everybody)} can, {len(owning)} of it."
    return [Unmet(team, rule.slug, says)]
