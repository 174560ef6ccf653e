"""Who stands behind `team:…`, `role:…@…` and `person:…`, and who stands in for whom. Nothing is signed here."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils import timezone

from policies.models import AccessGrant, Delegation, Effect, Membership, Team, User
from policies.permissions import Permission, approvers_of, covering, live, live_grants, teams_with

People = Mapping[str, frozenset[int]]


def people_of(groups: Iterable[str]) -> People:
    """The active people of each group, now. A team stands for its approvers, a role for its holders in one team."""
    return {group: frozenset(_members(group).values_list("pk", flat=True)) for group in groups}


def _members(group: str) -> QuerySet[User]:
    kind, _, name = group.partition(":")
    if kind == "person":
        return User.objects.filter(username=name, is_active=True, is_service=False)
    if kind == "role":
        role, _, slug = name.partition("@")
        team = Team.objects.filter(slug=slug).first()
        return _holders(role, team) if team else User.objects.none()
    team = Team.objects.filter(slug=name).first()
    return approvers_of(team) if team else User.objects.none()


def _holders(role: str, team: Team) -> QuerySet[User]:
    """Who holds a built-in or custom role in the team, without those who are denied to sign there."""
    members = Membership.objects.filter(team=team, role=role)
    granted = live(AccessGrant.objects.filter(covering(team)).filter(Q(role=role) | Q(custom__slug=role)))
    denied = live_grants(Permission.APPROVE).filter(covering(team), effect=Effect.DENY)
    wanted = Q(pk__in=members.values("user")) | Q(pk__in=granted.filter(effect=Effect.ALLOW).values("user"))
    people = User.objects.filter(wanted, is_active=True, is_service=False)
    return people.exclude(pk__in=denied.values("user"))


def stands_for(person: int, groups: Iterable[str], people: People) -> list[str]:
    """Those of the groups that a person belongs to."""
    return sorted(group for group in groups if person in people.get(group, frozenset()))


def groups_of(user: User) -> list[QuerySet[Any, Any]]:
    """Every group that the person belongs to, as queries that make one part of a larger one."""
    active = Q(user=user, user__is_active=True)
    roles = Membership.objects.filter(active).annotate(
        asked=Concat(Value("role:"), "role", Value("@"), "team__slug", output_field=TextField())
    )
    teams = teams_with(user, Permission.APPROVE).annotate(
        asked=Concat(Value("team:"), "slug", output_field=TextField())
    )
    person = User.objects.filter(pk=user.pk, is_active=True).annotate(
        asked=Concat(Value("person:"), "username", output_field=TextField())
    )
    return [found.order_by().values_list("asked", flat=True) for found in (roles, teams, person)]


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
