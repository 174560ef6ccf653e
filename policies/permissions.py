"""May this *person*: the role table, and who holds which right where, from roles, grants and denials.

The only module that may touch guardian. Judged in SQL against now: no answer is kept, a revoked right is gone at once.
What may be given to whom is `policies.access`'s; whether a *thing* is allowed now is the policy engine's question.
"""

from typing import Any

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast, Now
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from policies.models import AccessGrant, Effect, Membership, Role, Service, Team, User
from policies.results import Allowed, Denied
from policies.rights import WORDS
from policies.rights import Permission as Permission
from policies.written import ANYBODY, for_one

Scope = Team | Service | None

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

# A machine acts within what people decided; it decides nothing itself.
NEVER_BY_MACHINE = frozenset(
    {
        Permission.APPROVE,
        Permission.MANAGE_TEAM,
        Permission.MANAGE_ACCESS,
        Permission.REVIEW_ACCESS,
        Permission.IMPERSONATE,
        Permission.OVERRIDE_POLICY,
        Permission.BREAK_GLASS,
    }
)


def global_rights(user: User) -> frozenset[Permission]:
    """What the person's flags give everywhere."""
    rights: frozenset[Permission] = frozenset()
    if user.is_auditor:
        rights |= AUDITOR
    if user.is_platform:
        rights |= PLATFORM
    return rights


def roles_with(permission: Permission) -> list[str]:
    """The built-in team roles that carry the permission."""
    return [role for role, rights in ROLE_TABLE.items() if permission in rights]


def may(user: User, permission: Permission, where: Scope) -> Allowed | Denied:
    """May the person do this for the team or the service (None: for the whole organisation)? One query."""
    if _can_hold(user, permission) and _holds(user, permission, where):
        return Allowed()
    return _refusal(user, permission, where)


def _can_hold(user: User, permission: Permission) -> bool:
    return user.is_active and not (user.is_service and permission in NEVER_BY_MACHINE)


def _holds(user: User, permission: Permission, where: Scope) -> bool:
    if isinstance(where, Team):
        return teams_with(user, permission).filter(pk=where.pk).exists()
    if isinstance(where, Service):
        return services_with(user, permission).filter(pk=where.pk).exists()
    effects = {grant.effect for grant in live_grants(permission).filter(covering(where), user=user)}
    return Effect.DENY not in effects and (permission in global_rights(user) or Effect.ALLOW in effects)


def teams_with(user: User, permission: Permission) -> QuerySet[Team]:
    """The teams for which the person may do this; decided inside the caller's one query."""
    if not _can_hold(user, permission):
        return Team.objects.none()
    everywhere = permission in global_rights(user)
    return Team.objects.filter(pk__in=for_one(_teams_of_anybody, user, permission, everywhere))


def services_with(user: User, permission: Permission) -> QuerySet[Service]:
    """The services for which the person may do this: those of the teams, and those that are granted one by one."""
    if not _can_hold(user, permission):
        return Service.objects.none()
    return Service.objects.filter(
        pk__in=for_one(_services_of_anybody, user, permission, permission in global_rights(user))
    )


def _teams_of_anybody(permission: Permission, everywhere: bool) -> QuerySet[Any]:
    grants = live_grants(permission).filter(user=ANYBODY)
    rows = Team.objects.exclude(_named(grants.filter(effect=Effect.DENY)))
    if everywhere:
        return rows
    held = Membership.objects.filter(carrying(permission), user=ANYBODY).values("team")
    objects = object_grants(permission).filter(user=ANYBODY).values("object_pk")
    wanted = Q(pk__in=held) | _named(grants.filter(effect=Effect.ALLOW))
    wanted |= Q(pk__in=Team.objects.alias(key=Cast("pk", CharField())).filter(key__in=objects).values("pk"))
    return rows.filter(wanted)


def _services_of_anybody(permission: Permission, everywhere: bool) -> QuerySet[Any]:
    grants = live_grants(permission).filter(user=ANYBODY)
    single = grants.filter(service__isnull=False)
    denied = grants.filter(effect=Effect.DENY)
    one_by_one = Q(pk__in=single.filter(effect=Effect.ALLOW).values("service"))
    one_by_one &= Q(team__in=Team.objects.exclude(_named(denied)))
    rows = Service.objects.exclude(pk__in=single.filter(effect=Effect.DENY).values("service"))
    return rows.filter(Q(team__in=_teams_of_anybody(permission, everywhere)) | one_by_one)


def people_with(permission: Permission, where: Scope) -> QuerySet[User]:
    """The active people who may do this for the team or the service, by whatever gives it; by name."""
    team = where.team if isinstance(where, Service) else where
    grants = live_grants(permission).filter(covering(where))
    wanted = Q(pk__in=grants.filter(effect=Effect.ALLOW).values("user"))
    wanted |= Q(is_auditor=True) if permission in AUDITOR else Q()
    wanted |= Q(is_platform=True) if permission in PLATFORM else Q()
    if team is not None:
        wanted |= Q(pk__in=Membership.objects.filter(carrying(permission), team=team).values("user"))
        wanted |= Q(pk__in=object_grants(permission).filter(object_pk=str(team.pk)).values("user"))
    rows = User.objects.filter(wanted, is_active=True).exclude(pk__in=denials(permission, where).values("user"))
    if permission in NEVER_BY_MACHINE:
        rows = rows.filter(is_service=False)
    return rows.order_by("full_name", "pk")


def denials(permission: Permission, where: Scope) -> QuerySet[AccessGrant]:
    """The denials of the right that hold here now, of this scope or one that holds it."""
    return live_grants(permission).filter(covering(where), effect=Effect.DENY)


def services_denied(user: User, permission: Permission) -> QuerySet[Service]:
    """The services for which a denial takes the right from the person, wherever else it might come from."""
    found = live_grants(permission).filter(user=user, effect=Effect.DENY)
    single = Q(pk__in=found.filter(service__isnull=False).values("service"))
    return Service.objects.filter(single | Q(team__in=Team.objects.filter(_named(found))))


def live_grants(permission: Permission) -> QuerySet[AccessGrant]:
    """Grants and denials that speak of the right and hold at this moment."""
    speaks = carrying(permission) | Q(permission=permission.value)
    return live(AccessGrant.objects.filter(speaks)).order_by()


def live(grants: QuerySet[AccessGrant]) -> QuerySet[AccessGrant]:
    """Those that hold at this moment."""
    return grants.filter(Q(ends_at=None) | Q(ends_at__gt=Now()), revoked_at=None, starts_at__lte=Now())


def carrying(permission: Permission) -> Q:
    """Rows whose role, built-in or custom, has the right."""
    return Q(role__in=roles_with(permission)) | Q(custom__permissions__contains=[permission.value])


def covering(where: Scope) -> Q:
    """Grants whose scope is this or holds it."""
    if where is None:
        return Q(organisation__isnull=False)
    if isinstance(where, Service):
        return Q(service=where) | covering(where.team)
    return Q(team=where) | Q(organisation=where.organisation_id)


def _named(grants: QuerySet[AccessGrant]) -> Q:
    """Teams that the grants name themselves or through their organisation."""
    teams = grants.filter(team__isnull=False).values("team")
    return Q(pk__in=teams) | Q(organisation__in=grants.filter(organisation__isnull=False).values("organisation"))


def object_grants(permission: Permission) -> QuerySet[UserObjectPermission]:
    """Whitelisted object grants on teams: a superuser's flag, groups and grants on all objects count for nothing."""
    names = [name for name, rights in GRANTS.items() if permission in rights]
    return UserObjectPermission.objects.filter(
        permission__codename__in=names,
        permission__content_type__app_label="policies",
        permission__content_type__model="team",
    )


def _refusal(user: User, permission: Permission, where: Scope) -> Denied:
    what = where.name if where else "the organisation"
    team = where.team if isinstance(where, Service) else where
    who = owners_of(team) if team else "A platform engineer"
    denial = denials(permission, where).filter(user=user).first()
    if denial is not None:
        ends = f" It ends on {denial.ends_at:%Y-%m-%d %H:%M} UTC." if denial.ends_at else ""
        return Denied(
            rule=f"deny.{permission}",
            field="requester",
            reason=f"{user} is denied to {WORDS[permission]} {what}: {denial.reason}",
            fix=f"A denial beats every role.{ends}",
            who=f"{denial.granted_by}, who set it, or a platform engineer",
        )
    roles = " or ".join(roles_with(permission)) if team else "platform engineer"
    return Denied(
        rule=f"role.{permission}",
        field="requester",
        reason=f"{user} may not {WORDS[permission]} {what}.",
        fix=f"It needs the role {roles or 'platform engineer'}.",
        who=who,
    )


def owners_of(team: Team) -> str:
    """The people to ask about a team, in words: whoever may manage it, by whatever gives it."""
    return " or ".join(str(person) for person in people_with(Permission.MANAGE_TEAM, team)) or "A platform engineer"


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
        known = f"Grantable: {', '.join(GRANTS)}."
        return Denied("grant.known", "grant", f"{name} cannot be granted.", known, status=422)
    (assign_perm if give else remove_perm)(f"policies.{name}", to, team)
    return Allowed()
