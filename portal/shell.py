"""What every page shows around its content: teams, menu with counts, status strip. Read lazily, once a request."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from policies.models import Role, Team, User
from policies.permissions import Permission, teams_with
from portal import banners, governance
from portal.banners import Banner
from portal.second_factor.removing import last_reset
from provisioning import inbox, selectors
from provisioning.states import EnvironmentStatus as E

TEAM_KEY = "team"


@dataclass(frozen=True)
class NavItem:
    """One line of the menu."""

    label: str
    icon: str
    url: str
    current: bool
    count: int = 0
    waits: bool = False


class Shell:
    """The frame for one viewer. Nothing is read until a template asks for it."""

    insights: tuple[Any, ...] = ()
    bell = 0
    workers = None
    history = None

    def __init__(self, request: HttpRequest) -> None:
        self._path = request.path
        self._chosen = request.session.get(TEAM_KEY, "")
        self.user: User = request.user  # type: ignore[assignment]

    @cached_property
    def teams(self) -> list[Team]:
        """The teams the viewer may see, each with the viewer's own roles in it."""
        name = Coalesce("memberships__custom__name", "memberships__role")
        mine = ArrayAgg(name, filter=Q(memberships__user=self.user), default=[])
        return list(teams_with(self.user, Permission.VIEW).annotate(my_roles=mine))

    @cached_property
    def team(self) -> Team | None:
        """The team in focus: the chosen one, or the only one."""
        if len(self.teams) == 1:
            return self.teams[0]
        return next((team for team in self.teams if team.slug == self._chosen), None)

    @cached_property
    def role(self) -> str:
        """The viewer's role in words, the widest first."""
        if self.user.is_platform:
            return _("Platform engineer")
        if self.user.is_auditor:
            return _("Auditor")
        scope = [self.team] if self.team else self.teams
        held = {role for team in scope for role in team.my_roles}  # type: ignore[attr-defined]
        order = (Role.OWNER, Role.APPROVER, Role.DEVELOPER, Role.VIEWER)
        built_in = [str(role.label) for role in order if role in held]
        return next(iter([*built_in, *sorted(held - set(Role.values))]), _("No role yet"))

    @cached_property
    def _counts(self) -> inbox.Counts:
        return inbox.counts(self.user)

    @property
    def to_sign(self) -> int:
        """How many plans wait for this person's signature."""
        return self._counts.to_sign

    @cached_property
    def banners(self) -> list[Banner]:
        """What holds work now and concerns the viewer."""
        return banners.of(self.user)

    @property
    def waiting(self) -> int:
        """How much waits for this person: plans to sign, requests to answer for, emergencies to review."""
        return sum(self._counts)

    @cached_property
    def factors_reset(self) -> AuditEvent | None:
        """Who reset the viewer's second factors, and why. Asked only until the viewer knows."""
        return last_reset(self.user)

    @cached_property
    def environments(self) -> int:
        """How many live environments the viewer may see."""
        return selectors.environments_visible_to(self.user).exclude(status=E.DESTROYED).count()

    @cached_property
    def nav(self) -> list[NavItem]:
        """The menu; the page one is on is marked."""
        return [
            self._item(_("Home"), "home", "home"),
            self._item(_("Inbox"), "inbox", "inbox", self.waiting, waits=True),
            self._item(_("Environments"), "server-2", "environments", self.environments),
            self._item(_("Pipelines"), "route", "pipelines"),
            self._item(_("Catalogue"), "books", "catalogue"),
            self._item(_("History"), "history", "history"),
            self._item(_("Teams"), "users", "teams"),
            self._governance,
        ]

    @property
    def _governance(self) -> NavItem:
        """One line for all parts of governance, wherever their pages lie."""
        current = governance.is_below(self._path)
        return NavItem(_("Governance"), "scale", reverse("governance"), current)

    @cached_property
    def governance(self) -> list[NavItem]:
        """The sub-tabs of governance."""
        parts = governance.parts()
        return [NavItem(str(part.label), "", part.url, self._path.startswith(part.url)) for part in parts]

    @cached_property
    def admin(self) -> list[NavItem]:
        """What platform engineers look after."""
        if not self.user.is_platform:
            return []
        return [
            self._item(_("Sources"), "git-branch", "sources"),
            self._item(_("Targets"), "plug", "targets"),
            self._item(_("Inventory"), "list", "inventory"),
            self._item(_("Orphans"), "alert-triangle", "orphans"),
        ]

    def _item(self, label: str, icon: str, name: str, count: int = 0, *, waits: bool = False) -> NavItem:
        url = reverse(name)
        current = self._path == url if name == "home" else self._path.startswith(url) and not self._is_nearer(name)
        return NavItem(label, icon, url, current, count, waits)

    def _is_nearer(self, name: str) -> bool:
        """Does another line of the menu lead closer to this page?"""
        return name == "catalogue" and self.user.is_platform and self._path.startswith(reverse("sources"))

    @cached_property
    def queue(self) -> dict[str, int]:
        """What a worker could take up now."""
        return {"count": selectors.ready_count()}

    @cached_property
    def read_at(self) -> datetime:
        """When this page was read."""
        return timezone.now()

    @property
    def urls(self) -> dict[str, str]:
        """Addresses the frame links to."""
        return {
            "search": reverse("search"),
            "notifications": reverse("inbox"),
            "settings": reverse("settings_page"),
            "sign_out": reverse("signout"),
            "team": reverse("team_switch"),
            "history": reverse("history"),
            "queue": reverse("queue"),
        }


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell` for signed-in people, nothing for others."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {}
    return {"shell": shell_of(request)}


def shell_of(request: HttpRequest) -> Shell:
    """The one shell of a request, for views that need the team in focus."""
    found: Shell | None = getattr(request, "_berth_shell", None)
    if found is None:
        found = Shell(request)
        request._berth_shell = found  # type: ignore[attr-defined]
    return found
