"""Who stands behind `team:…`, `role:…@…` and `person:…`, and who stands in for whom. Nothing is signed here.

Both directions say the same: the people of a group (`people_of`), and what asks for a person (`asking`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from policies.models import AccessGrant, Delegation, Effect, Membership, Service, Team, User
from policies.permissions import (
    Permission,
    Scope,
    covering,
    denials,
    live,
    live_grants,
    people_with,
    services_denied,
    teams_with,
)

People = Mapping[str, frozenset[int]]
SIGN = Permission.APPROVE
_HELD = Case(When(role="", then="custom__slug"), default="role", output_field=TextField())


def people_of(groups: Iterable[str], where: Scope = None) -> People:
    """The active people of each group, now, who may sign for what is owned `where`.

    A team stands for its approvers, a role for its holders in one team. What is given for the one service counts as
    what is given for its team; whom a denial keeps from signing there belongs to no group.
    """
    kept_out = denials(SIGN, where).values("user")
    return {
        group: frozenset(_members(group, where).exclude(pk__in=kept_out).values_list("pk", flat=True))
        for group in groups
    }


def _members(group: str, where: Scope) -> QuerySet[User]:
    kind, _, name = group.partition(":")
    if kind == "person":
        return User.objects.filter(username=name, is_active=True, is_service=False)
    role, _, slug = name.partition("@") if kind == "role" else ("", "", name)
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        return User.objects.none()
    inside = where if isinstance(where, Service) and where.team_id == team.pk else team
    return _holders(role, inside) if role else people_with(SIGN, inside)


def _holders(role: str, where: Team | Service) -> QuerySet[User]:
    """Who holds a built-in or custom role there, without those to whom the role, or signing there, is denied."""
    team = where.team if isinstance(where, Service) else where
    named = Q(role=role) | Q(custom__slug=role)
    grants = live(AccessGrant.objects.filter(covering(where)).filter(named))
    wanted = Q(pk__in=Membership.objects.filter(named, team=team).values("user"))
    wanted |= Q(pk__in=grants.filter(effect=Effect.ALLOW).values("user"))
    people = User.objects.filter(wanted, is_active=True, is_service=False)
    without = people.exclude(pk__in=grants.filter(effect=Effect.DENY).values("user"))
    return without.exclude(pk__in=denials(SIGN, where).values("user"))


def asking(user: User, *, asked: str, service: str) -> Q:
    """Rows whose array `asked` names a group to which the person belongs where the row's `service` is."""
    if not user.is_active or user.is_service:
        return Q(pk__in=[])
    wide, single = _wide(user), _single(user)
    everywhere, here = _overlap(asked, wide), Q(pk__in=[])
    for rows in single:
        of_row = Cast(OuterRef(asked), ArrayField(TextField()))
        mine = rows.filter(service=OuterRef(service)).annotate(of_row=of_row)
        here |= Q(Exists(mine.filter(of_row__contains=[F("group")])))
    # An index answers the first condition; the others are asked about the few rows that it leaves.
    anywhere = everywhere | _overlap(asked, single)
    return anywhere & (everywhere | here) & ~Q(**{f"{service}__in": services_denied(user, SIGN)})


def _overlap(asked: str, groups: Iterable[QuerySet[Any]]) -> Q:
    found = Q(pk__in=[])
    for rows in groups:
        found |= Q(**{f"{asked}__overlap": rows.order_by().values_list("group", flat=True)})
    return found


def _wide(user: User) -> list[QuerySet[Any]]:
    """The groups to which the person belongs in every service of a team, in queries with `group`."""
    grants = _allowed(user, service=None)
    teams = teams_with(user, SIGN).annotate(group=_named("team:", "slug"))
    roles = Membership.objects.filter(user=user).annotate(group=_role_in("team"))
    person = User.objects.filter(pk=user.pk).annotate(group=_named("person:", "username"))
    return [
        teams,
        _kept(roles, user, "team"),
        _kept(grants.filter(team__isnull=False).annotate(group=_role_in("team")), user, "team"),
        _kept(
            grants.filter(organisation__isnull=False).annotate(group=_role_in("organisation__teams")),
            user,
            "organisation__teams",
        ),
        person,
    ]


def _single(user: User) -> list[QuerySet[Any]]:
    """The groups to which the person belongs in one service only."""
    grants = _allowed(user, service__isnull=False)
    signs = live_grants(SIGN).filter(pk__in=grants.values("pk"))
    roles = grants.annotate(group=_role_in("service__team"))
    return [signs.annotate(group=_named("team:", "service__team__slug")), _kept(roles, user, "service__team")]


def _allowed(user: User, **scope: Any) -> QuerySet[AccessGrant]:
    return live(AccessGrant.objects.filter(user=user, effect=Effect.ALLOW, **scope)).order_by()


def _kept(rows: QuerySet[Any], user: User, team: str) -> QuerySet[Any]:
    """Roles that no denial of the same role takes away in that team, and no denial to sign there."""
    taken = live(AccessGrant.objects.filter(user=user, effect=Effect.DENY))
    there = Q(team=OuterRef(team)) | Q(organisation=OuterRef(f"{team}__organisation"))
    same = Q(role=OuterRef("role"), custom=None) & ~Q(role="") | Q(custom=OuterRef("custom"))
    speaks = same | Q(pk__in=live_grants(SIGN).values("pk"))
    return rows.filter(~Q(role="", custom=None)).exclude(Exists(taken.filter(there, speaks)))


def _role_in(team: str) -> Concat:
    return Concat(Value("role:"), _HELD, Value("@"), f"{team}__slug", output_field=TextField())


def _named(kind: str, name: str) -> Concat:
    return Concat(Value(kind), name, output_field=TextField())


def stands_for(person: int, groups: Iterable[str], people: People) -> list[str]:
    """Those of the groups that a person belongs to."""
    return sorted(group for group in groups if person in people.get(group, frozenset()))


def in_force(now: datetime | None = None) -> QuerySet[Delegation]:
    """Delegations that hold now, of and to active people."""
    moment = now or timezone.now()
    rows = Delegation.objects.filter(ended_at=None, starts_at__lte=moment, ends_at__gt=moment)
    return rows.filter(of__is_active=True, to__is_active=True).select_related("of", "to", "team")


def stood_for(user: User, team: Team | None) -> list[User]:
    """The people for whom this one may sign what the team owns. Only those who asked; nobody further."""
    rows = in_force().filter(Q(team=None) | Q(team=team), to=user).order_by("of__full_name", "of_id")
    return list({row.of_id: row.of for row in rows}.values())


def stand_ins(people: Iterable[int], team: Team) -> dict[int, list[User]]:
    """Who may sign for each of these people what the team owns."""
    found: dict[int, list[User]] = {}
    for row in in_force().filter(Q(team=None) | Q(team=team), of__in=list(people)):
        found.setdefault(row.of_id, []).append(row.to)
    return found
