"""Doors to people, scopes, grants and reviews: only what the viewer may name; "unknown" and "not yours" look alike."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404

from policies.access import machines, reviews
from policies.models import AccessGrant, AccessReview, ApiToken, Membership, ReviewItem, Team, User
from policies.permissions import Permission, Scope, services_with, teams_with

M = TypeVar("M", bound=Model)


def _one(rows: QuerySet[M], what: str) -> M:
    found = rows.first()
    if found is None:
        raise Http404(what)
    return found


def people(viewer: User) -> QuerySet[User]:
    """Everybody the viewer may ask about: those of the teams they see, or all for who manages a team or sees all."""
    everyone = viewer.is_platform or viewer.is_auditor or manages_any(viewer)
    if everyone:
        return User.objects.order_by("full_name", "pk")
    near = Membership.objects.filter(team__in=teams_with(viewer, Permission.VIEW)).values("user")
    return User.objects.filter(Q(pk__in=near) | Q(pk=viewer.pk)).order_by("full_name", "pk")


def manages_any(viewer: User) -> bool:
    """Does the person manage a team, or access?"""
    return any(teams_with(viewer, right).exists() for right in (Permission.MANAGE_TEAM, Permission.MANAGE_ACCESS))


def person(viewer: User, username: str) -> User:
    """One of them."""
    return _one(people(viewer).filter(username=username), "person")


def scope(viewer: User, text: str) -> Scope:
    """`team:<slug>`, `service:<slug>`, or nothing for the organisation."""
    kind, _, slug = text.partition(":")
    if not text:
        return None
    if kind == "service":
        return _one(services_with(viewer, Permission.VIEW).select_related("team").filter(slug=slug), "scope")
    if kind != "team":
        raise Http404("scope")
    return team(viewer, slug)


def scopes(viewer: User) -> list[tuple[str, str]]:
    """What can be chosen, the narrow first: every team and service that the viewer sees, and the organisation."""
    teams = [(f"team:{row.slug}", f"Team {row.name}") for row in teams_with(viewer, Permission.VIEW)]
    services = [(f"service:{row.slug}", f"Service {row.slug}") for row in services_with(viewer, Permission.VIEW)]
    return [*teams, *services, ("", "The whole organisation")]


def grants(viewer: User) -> QuerySet[AccessGrant]:
    """Grants in force, or to come, that the viewer may see: of their teams, their own, and the organisation's."""
    teams = teams_with(viewer, Permission.VIEW)
    near = Q(team__in=teams) | Q(service__team__in=teams) | Q(user=viewer) | Q(organisation__isnull=False)
    rows = AccessGrant.objects.filter(near, Q(ends_at=None) | Q(ends_at__gt=Now()), revoked_at=None)
    return rows.select_related("user", "granted_by", "custom", "organisation", "team", "service")


def grant(viewer: User, pk: int) -> AccessGrant:
    """One of them."""
    return _one(grants(viewer).filter(pk=pk), "grant")


def membership(viewer: User, pk: int) -> Membership:
    """A role in a team the viewer sees."""
    rows = Membership.objects.filter(team__in=teams_with(viewer, Permission.VIEW), pk=pk)
    return _one(rows.select_related("team", "user", "custom"), "membership")


def machine(viewer: User, username: str) -> User:
    """A service account that the viewer looks after."""
    return _one(machines.managed_by(viewer).filter(username=username), "account")


def machine_token(viewer: User, pk: int) -> ApiToken:
    """A token of such an account, or one's own."""
    own = Q(user=viewer) | Q(user__in=machines.managed_by(viewer))
    return _one(ApiToken.objects.select_related("user__owning_team").filter(own, pk=pk), "token")


def team(viewer: User, slug: str) -> Team:
    """A team the viewer sees."""
    return _one(teams_with(viewer, Permission.VIEW).filter(slug=slug), "team")


def review(viewer: User, pk: int) -> AccessReview:
    """A review of a team the viewer sees."""
    return _one(reviews.visible_to(viewer).filter(pk=pk), "review")


def review_item(viewer: User, pk: int) -> ReviewItem:
    """A right under such a review."""
    rows = ReviewItem.objects.filter(review__in=reviews.visible_to(viewer).values("pk"), pk=pk)
    return _one(rows.select_related("team", "user", "review"), "item")
