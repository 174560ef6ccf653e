"""The only door from a request to an object: filtered by the viewer, so that "not found" and "not yours" look alike."""

from typing import TypeVar
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import Model, QuerySet
from django.http import Http404

from audit.models import AuditEvent
from audit.selectors import visible
from catalog.models import Source, Template
from catalog.selectors import sources
from delivery.models import Release
from delivery.selectors import releases_visible_to, services_visible_to
from policies import budgets, quotas, stops, windows
from policies.models import (
    ApiToken,
    Budget,
    Decision,
    FormRule,
    Organisation,
    PolicyBundle,
    Quota,
    Service,
    Stop,
    Team,
    User,
    Waiver,
    Window,
)
from policies.permissions import Permission, teams_with
from policies.waivers import visible_to as waivers_visible_to
from provisioning import selectors
from provisioning.models import Environment, Operation, Orphan, Target, WarmPool

M = TypeVar("M", bound=Model)


def _one(rows: QuerySet[M], what: str) -> M:
    found = rows.first()
    if found is None:
        raise Http404(what)
    return found


def team(user: User, slug: str) -> Team:
    """A team the viewer may see."""
    return _one(teams_with(user, Permission.VIEW).filter(slug=slug), "team")


def service(user: User, slug: str) -> Service:
    """A service of a team the viewer may see."""
    return _one(services_visible_to(user).select_related("team").filter(slug=slug), "service")


def template(user: User, slug: str) -> Template:
    """A catalogue entry; everybody who is signed in may see them all."""
    return _one(Template.objects.select_related("current", "source").filter(slug=slug), "template")


def source(user: User, slug: str) -> Source:
    """A repository of templates; everybody who is signed in may see where the catalogue comes from."""
    return _one(sources().filter(slug=slug), "source")


def environment(user: User, pk: UUID) -> Environment:
    """An environment of a team the viewer may see."""
    rows = selectors.environments_visible_to(user).filter(pk=pk)
    return _one(
        rows.select_related("service__team", "team", "owner", "target", "template_version__template"), "environment"
    )


def operation(user: User, pk: UUID) -> Operation:
    """An operation the viewer may see, or may be asked to sign."""
    rows = selectors.operations_visible_to(user).filter(pk=pk)
    related = ("environment__service__team", "environment__template_version__template", "team", "requester", "target")
    return _one(rows.select_related(*related), "operation")


def orphan(user: User, pk: int) -> Orphan:
    """A row of the orphan ledger of a team the viewer may see."""
    rows = selectors.orphans_visible_to(user).filter(pk=pk)
    return _one(rows.select_related("environment", "team", "operation"), "orphan")


def target(user: User, slug: str) -> Target:
    """A registered target; everybody who is signed in may see how it is."""
    return _one(selectors.targets().filter(slug=slug), "target")


def quota(user: User, pk: int) -> Quota:
    """A quota that the viewer may see."""
    return _one(quotas.visible_to(user).select_related("organisation", "team", "service").filter(pk=pk), "quota")


def budget(user: User, pk: int) -> Budget:
    """A budget that the viewer may see."""
    return _one(budgets.visible_to(user).filter(pk=pk), "budget")


def organisation(user: User, slug: str) -> Organisation:
    """An organisation; everybody who is signed in may know its name."""
    return _one(Organisation.objects.filter(slug=slug), "organisation")


def release(user: User, pk: UUID) -> Release:
    """A release of a team the viewer may see."""
    return _one(releases_visible_to(user).select_related("service__team", "created_by").filter(pk=pk), "release")


def factor(user: User, pk: int) -> Authenticator:
    """One of the viewer's own second factors."""
    return _one(Authenticator.objects.filter(user=user, pk=pk), "factor")


def token(user: User, pk: int) -> ApiToken:
    """One of the viewer's own tokens."""
    return _one(ApiToken.objects.filter(user=user, pk=pk), "token")


def history(user: User) -> QuerySet[AuditEvent]:
    """The part of the history that the viewer may read; auditors and platform engineers read all."""
    return visible(history_scopes(user))


def history_scopes(user: User) -> set[str] | None:
    """The scopes whose history the viewer may read; None is everything."""
    if user.is_auditor or user.is_platform:
        return None
    return {f"team:{pk}" for pk in teams_with(user, Permission.VIEW_HISTORY).values_list("pk", flat=True)}


def member(team: Team, username: str) -> User:
    """An active member of a team."""
    return _one(User.objects.filter(memberships__team=team, username=username, is_active=True).distinct(), "member")


def pool(user: User, pk: UUID) -> WarmPool:
    """A warm pool for a service of a team the viewer may see."""
    return _one(selectors.pools_visible_to(user).filter(pk=pk), "pool")


def waiver(user: User, pk: int) -> Waiver:
    """A waiver of a team the viewer may see."""
    return _one(waivers_visible_to(user).filter(pk=pk), "waiver")


def window(user: User, pk: int) -> Window:
    """A window that holds for everybody, or for a team or service that the viewer may see."""
    return _one(windows.visible_to(user).filter(pk=pk), "window")


def stop(user: User, pk: int) -> Stop:
    """A stopped line of a service the viewer may see, or of everything."""
    return _one(stops.visible_to(user).filter(pk=pk), "stop")


def policy_bundle(user: User, pk: int) -> PolicyBundle:
    """A policy bundle; everybody who is signed in may read the rules they live under."""
    return _one(PolicyBundle.objects.select_related("by").filter(pk=pk), "bundle")


def form_rule(user: User, slug: str) -> FormRule:
    """A rule from a form that is still part of the next draft; everybody may read it."""
    return _one(FormRule.objects.filter(slug=slug, removed_at=None), "rule")


def decisions(user: User) -> QuerySet[Decision]:
    """The recorded decisions of the teams that the viewer may see."""
    return Decision.objects.filter(team__in=teams_with(user, Permission.VIEW)).select_related("team")


def decision(user: User, pk: int) -> Decision:
    """A decision about something of a team the viewer may see."""
    return _one(decisions(user).filter(pk=pk), "decision")
