"""May this *person*: the permissions, the role table, and object grants through django-guardian.

The only module that may touch guardian. Whether a *thing* is allowed now is the policy engine's question.
"""

from enum import StrEnum

from django.db.models import Q, QuerySet
from guardian.shortcuts import assign_perm, get_objects_for_user, remove_perm

from policies.models import Membership, Role, Team, User
from policies.results import Allowed, Denied


class Permission(StrEnum):
    """Everything that a person can be allowed to do."""

    VIEW = "view"
    REQUEST = "request"
    OPERATE = "operate"
    DEPLOY = "deploy"
    APPROVE = "approve"
    REVEAL_SECRET = "reveal_secret"  # noqa: S105 - the name of a right, not a secret
    MANAGE_TEAM = "manage_team"
    VIEW_HISTORY = "view_history"
    EXPORT_HISTORY = "export_history"
    PUBLISH_TEMPLATE = "publish_template"
    RECOVER = "recover"
    MANAGE_TARGETS = "manage_targets"
    MANAGE_INVENTORY = "manage_inventory"
    MANAGE_ACCESS = "manage_access"
    REVIEW_ACCESS = "review_access"
    IMPERSONATE = "impersonate"
    MANAGE_POLICIES = "manage_policies"
    OVERRIDE_POLICY = "override_policy"
    MANAGE_APPROVAL_RULES = "manage_approval_rules"
    BREAK_GLASS = "break_glass"
    MANAGE_QUOTAS = "manage_quotas"
    MANAGE_WINDOWS = "manage_windows"
    STOP_THE_LINE = "stop_the_line"
    USE_SWITCHES = "use_switches"


_VIEWER = frozenset({Permission.VIEW, Permission.VIEW_HISTORY, Permission.EXPORT_HISTORY})
_DEVELOPER = _VIEWER | {Permission.REQUEST, Permission.OPERATE, Permission.DEPLOY, Permission.REVEAL_SECRET}
ROLE_TABLE: dict[str, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _DEVELOPER,
    Role.APPROVER: _VIEWER | {Permission.APPROVE},
    Role.OWNER: _DEVELOPER
    | {
        Permission.APPROVE,
        Permission.MANAGE_TEAM,
        Permission.REVIEW_ACCESS,
        Permission.OVERRIDE_POLICY,
        Permission.BREAK_GLASS,
        Permission.STOP_THE_LINE,
    },
}
AUDITOR = frozenset({Permission.VIEW, Permission.VIEW_HISTORY, Permission.EXPORT_HISTORY})
PLATFORM = frozenset(
    {
        Permission.VIEW,
        Permission.VIEW_HISTORY,
        Permission.PUBLISH_TEMPLATE,
        Permission.RECOVER,
        Permission.MANAGE_TARGETS,
        Permission.MANAGE_INVENTORY,
        Permission.MANAGE_ACCESS,
        Permission.IMPERSONATE,
        Permission.MANAGE_POLICIES,
        Permission.MANAGE_APPROVAL_RULES,
        Permission.MANAGE_QUOTAS,
        Permission.MANAGE_WINDOWS,
        Permission.STOP_THE_LINE,
        Permission.USE_SWITCHES,
    }
)
GRANTS: dict[str, frozenset[Permission]] = {"operate_team": _DEVELOPER - {Permission.REVEAL_SECRET}}

_WORDS: dict[Permission, str] = {
    Permission.VIEW: "see",
    Permission.REQUEST: "request environments for",
    Permission.OPERATE: "operate environments of",
    Permission.DEPLOY: "deploy releases for",
    Permission.APPROVE: "sign plans of",
    Permission.REVEAL_SECRET: "reveal secrets of",
    Permission.MANAGE_TEAM: "manage",
    Permission.VIEW_HISTORY: "read the history of",
    Permission.EXPORT_HISTORY: "export the history of",
    Permission.PUBLISH_TEMPLATE: "publish templates for",
    Permission.RECOVER: "recover stuck operations of",
    Permission.MANAGE_TARGETS: "manage the targets of",
    Permission.MANAGE_INVENTORY: "manage the inventory of",
    Permission.MANAGE_ACCESS: "manage who may do what in",
    Permission.REVIEW_ACCESS: "review who may do what in",
    Permission.IMPERSONATE: "look through the eyes of people of",
    Permission.MANAGE_POLICIES: "manage the policies of",
    Permission.OVERRIDE_POLICY: "override policies of",
    Permission.MANAGE_APPROVAL_RULES: "manage the approval rules of",
    Permission.BREAK_GLASS: "break the glass for",
    Permission.MANAGE_QUOTAS: "manage quotas and budgets of",
    Permission.MANAGE_WINDOWS: "manage the windows of",
    Permission.STOP_THE_LINE: "stop the line of",
    Permission.USE_SWITCHES: "use the switches of",
}


def _global(user: User) -> frozenset[Permission]:
    rights: frozenset[Permission] = frozenset()
    if user.is_auditor:
        rights |= AUDITOR
    if user.is_platform:
        rights |= PLATFORM
    return rights


def roles_with(permission: Permission) -> list[str]:
    """The team roles that carry the permission."""
    return [role for role, rights in ROLE_TABLE.items() if permission in rights]


def may(user: User, permission: Permission, team: Team | None) -> Allowed | Denied:
    """May the person do this for the team (None: for the whole organisation)?"""
    if user.is_active:
        if permission in _global(user):
            return Allowed()
        if team is not None:
            if Membership.objects.filter(user=user, team=team, role__in=roles_with(permission)).exists():
                return Allowed()
            if any(_granted(user, name).filter(pk=team.pk).exists() for name in _grants_with(permission)):
                return Allowed()
    return _refusal(user, permission, team)


def _grants_with(permission: Permission) -> list[str]:
    return [name for name, rights in GRANTS.items() if permission in rights]


def _granted(user: User, name: str) -> QuerySet[Team]:
    """Teams on which the person holds the grant itself: a superuser's flag and groups count for nothing here."""
    found: QuerySet[Team] = get_objects_for_user(
        user, name, klass=Team, use_groups=False, with_superuser=False, accept_global_perms=False
    )
    return found


def _refusal(user: User, permission: Permission, team: Team | None) -> Denied:
    what = team.name if team else "the organisation"
    roles = " or ".join(roles_with(permission)) if team else "platform engineer"
    who = owners_of(team) if team else "A platform engineer"
    return Denied(
        rule=f"role.{permission}",
        field="requester",
        reason=f"{user} may not {_WORDS[permission]} {what}.",
        fix=f"It needs the role {roles or 'platform engineer'}.",
        who=who,
    )


def owners_of(team: Team) -> str:
    """The people to ask about a team, in words."""
    names = [str(m.user) for m in Membership.objects.filter(team=team, role=Role.OWNER).select_related("user")]
    return " or ".join(names) if names else "A platform engineer"


def teams_with(user: User, permission: Permission) -> QuerySet[Team]:
    """The teams for which the person may do this; scoped in SQL, a fixed number of queries."""
    if not user.is_active:
        return Team.objects.none()
    if permission in _global(user):
        return Team.objects.all()
    wanted = Q(pk__in=Membership.objects.filter(user=user, role__in=roles_with(permission)).values("team"))
    for name in _grants_with(permission):
        wanted |= Q(pk__in=_granted(user, name).values("pk"))
    return Team.objects.filter(wanted)


def approvers_of(team: Team) -> QuerySet[User]:
    """The active people who may sign for the team."""
    held = Membership.objects.filter(team=team, role__in=roles_with(Permission.APPROVE))
    return User.objects.filter(pk__in=held.values("user"), is_active=True).order_by("full_name", "pk")


def grant(*, by: User, to: User, team: Team, name: str) -> Allowed | Denied:
    """Grant one whitelisted right on one team. Call inside an audit context."""
    return _regrant(by=by, to=to, team=team, name=name, give=True)


def revoke(*, by: User, to: User, team: Team, name: str) -> Allowed | Denied:
    """Take back what `grant` gave. Call inside an audit context."""
    return _regrant(by=by, to=to, team=team, name=name, give=False)


def _regrant(*, by: User, to: User, team: Team, name: str, give: bool) -> Allowed | Denied:
    allowed = may(by, Permission.MANAGE_TEAM, team)
    if not allowed:
        return allowed
    if name not in GRANTS:
        return Denied(
            "grant.known",
            "grant",
            f"{name} cannot be granted.",
            f"Grantable: {', '.join(GRANTS)}.",
            status=422,
        )
    (assign_perm if give else remove_perm)(f"policies.{name}", to, team)
    return Allowed()
