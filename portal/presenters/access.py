"""Rights, grants and roles as pages show them, and the approval rules that nobody can satisfy."""

from dataclasses import dataclass

from policies.access.leaving import teams_without_owner
from policies.access.why import Explanation, explain
from policies.approvals import Subject, active_rules
from policies.models import AccessGrant, ApprovalRule, CustomRole, Effect, Role, Team, User
from policies.permissions import ROLE_TABLE, Permission, Scope, teams_with
from policies.requirements import joined
from policies.results import Denied
from policies.seats import satisfiable


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
    permissions: list[Permission]


def role_table() -> list[RoleRow]:
    """Built-in roles first."""
    built_in = [RoleRow(role.value, str(role.label), True, sorted(ROLE_TABLE[role])) for role in Role]
    custom = [
        RoleRow(role.slug, role.name, False, sorted(map(Permission, role.permissions)))
        for role in CustomRole.objects.all()
    ]
    return built_in + custom


def every_right(person: User, where: Scope) -> list[Explanation]:
    """Everything the person may and may not do there, each with its sources; what they may comes first."""
    return sorted((explain(person, permission, where) for permission in Permission), key=lambda each: not each.allowed)


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
    pairs = [(rule, team) for rule in active_rules() for team in teams if not rule.teams or team.slug in rule.teams]
    for rule, team in pairs:
        found += _unmet(rule, team)
    return found


def _unmet(rule: ApprovalRule, team: Team) -> list[Unmet]:
    """Asked as if by somebody who is no signer; a requester who is one never counts, so one more may be needed."""
    subject = Subject("", "", team, User(), joined([(rule, "")], team=team.slug))
    outcome = satisfiable(subject)
    return [Unmet(team, rule.slug, outcome.reason)] if isinstance(outcome, Denied) else []
