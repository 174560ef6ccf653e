"""Why somebody may, or may not: every source of a right in a scope; and the reverse, who may. Decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from policies.models import AccessGrant, Effect, Membership, Service, User
from policies.permissions import (
    AUDITOR,
    NEVER_BY_MACHINE,
    PLATFORM,
    Permission,
    Scope,
    carrying,
    covering,
    live_grants,
    may,
    object_grants,
    people_with,
)


@dataclass(frozen=True)
class Because:
    """One source: what gives or takes the right, where, until when, and whose doing it is."""

    source: str
    effect: str
    what: str
    where: str = ""
    until: datetime | None = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Explanation:
    """The answer, and everything that speaks for or against it."""

    user: User
    permission: Permission
    allowed: bool
    because: tuple[Because, ...]

    @property
    def is_denied(self) -> bool:
        """Is it taken away, rather than never given?"""
        return any(each.effect == Effect.DENY for each in self.because)


def explain(user: User, permission: Permission, where: Scope) -> Explanation:
    """May they, and why? The answer is that of `permissions.may` itself."""
    allowed = bool(may(user, permission, where))
    return Explanation(user, permission, allowed, _sources([user], permission, where)[user.pk])


def who(permission: Permission, where: Scope) -> list[Explanation]:
    """Everybody who may, and everybody whom a denial stops, by name."""
    may_do = {person.pk: person for person in people_with(permission, where)}
    stopped = live_grants(permission).filter(covering(where), effect=Effect.DENY).values("user")
    people = list(User.objects.filter(Q(pk__in=may_do) | Q(pk__in=stopped)).order_by("full_name", "pk"))
    found = _sources(people, permission, where)
    return [Explanation(person, permission, person.pk in may_do, found[person.pk]) for person in people]


def _sources(people: Iterable[User], permission: Permission, where: Scope) -> dict[int, tuple[Because, ...]]:
    found: dict[int, list[Because]] = {person.pk: _of_person(person, permission) for person in people}
    grants = live_grants(permission).filter(covering(where), user__in=found)
    for grant in grants.select_related("granted_by", "custom", "organisation", "team", "service"):
        found[grant.user_id].append(_of_grant(grant))
    team = where.team if isinstance(where, Service) else where
    if team is not None:
        held = Membership.objects.filter(carrying(permission), team=team, user__in=found)
        for membership in held.select_related("custom"):
            kind = "custom role" if membership.custom else "role"
            found[membership.user_id].append(Because(kind, "allow", membership.held, str(team)))
        for row in (
            object_grants(permission).filter(object_pk=str(team.pk), user__in=found).select_related("permission")
        ):
            found[row.user_id].append(Because("object grant", "allow", row.permission.codename, str(team)))
    return {pk: tuple(sorted(rows, key=lambda each: each.effect == "allow")) for pk, rows in found.items()}


def _of_person(person: User, permission: Permission) -> list[Because]:
    found = []
    if not person.is_active:
        found.append(Because("account", "deny", "left" if person.left_at else "not active"))
    if person.is_service and permission in NEVER_BY_MACHINE:
        found.append(Because("account", "deny", "service account"))
    if person.is_platform and permission in PLATFORM:
        found.append(Because("flag", "allow", "platform engineer"))
    if person.is_auditor and permission in AUDITOR:
        found.append(Because("flag", "allow", "auditor"))
    return found


def _of_grant(grant: AccessGrant) -> Because:
    source = "denial" if grant.effect == Effect.DENY else "grant"
    by = str(grant.granted_by)
    return Because(source, grant.effect, grant.matter, grant.where, grant.ends_at, by, grant.reason)
