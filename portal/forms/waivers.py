"""The form that asks for a waiver: a QueryDict as a Wanted, and what there is to choose from."""

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from policies import waivers, waiving
from policies.models import Team, User
from policies.waiving import Wanted
from portal import loaders
from provisioning.actions.storable import storable

USUAL_DAYS = 30
TEXTS = ("rule", "field", "value", "name", "reason", "ticket", "owner", "days")


@dataclass(frozen=True)
class Place:
    """One object for which a rule may be waived, as the viewer knows it."""

    scope: str
    kind: str
    label: str
    team: Team


def place_of(user: User, scope: str, name: str = "") -> Place | None:
    """What a scope means to this viewer; None for what is not there or not theirs. `name`: of a request."""
    kind, _colon, key = scope.partition(":")
    try:
        if kind == "environment":
            environment = loaders.environment(user, UUID(key))
            return Place(scope, _("Only the environment %s") % environment.name, environment.name, environment.team)
        if kind == "service":
            service = loaders.service(user, key)
            return Place(scope, _("Everything of the service %s") % service.slug, service.slug, service.team)
        if kind == "team":
            team = loaders.team(user, key)
            return Place(scope, _("Everything of the team %s") % team.name, team.name, team)
        if kind == "request":
            team = loaders.team(user, key.split(":")[1])
            what = name or _("a request of %s") % team.name
            return Place(scope, _("Only this one request: %s") % what, what, team)
    except (Http404, ValueError, IndexError):
        return None
    return None


@dataclass(frozen=True)
class WaiverForm:
    """What was sent or is filled in, with the places that the rule lets choose."""

    values: dict[str, str]
    places: tuple[Place, ...]
    scope: str

    @property
    def place(self) -> Place | None:
        """The chosen place, else the first that is more than one request, else the first."""
        chosen = next((place for place in self.places if place.scope == self.scope), None)
        return chosen or next(iter(self.places), None)

    @property
    def most_days(self) -> int:
        """How long it may last at most."""
        override = self.place is not None and self.place.scope.startswith("request:")
        return waiving.OVERRIDE_LASTS.days if override else waiving.LONGEST_DAYS

    @property
    def days(self) -> str:
        """The asked number of days, or the usual one."""
        return self.values["days"] or str(min(USUAL_DAYS, self.most_days))

    def wanted(self, by: User) -> Wanted | None:
        """What is asked; None without a place, or with an owner whom nobody knows."""
        place = self.place
        owner = by if self.values["owner"] in {"", by.username} else self._owner()
        if place is None or owner is None:
            return None
        days = self.days
        return Wanted(
            rule=self.values["rule"],
            scope=place.scope,
            label=place.label,
            team=place.team,
            owner=owner,
            reason=self.values["reason"],
            days=int(days) if days.isascii() and days.isdigit() and len(days) <= 4 else 0,
            ticket=self.values["ticket"],
            field=self.values["field"],
            value=self.values["value"],
        )

    def _owner(self) -> User | None:
        if self.place is None:
            return None
        members = User.objects.filter(memberships__team=self.place.team, is_active=True)
        return members.filter(username=self.values["owner"]).first()

    def owners(self) -> list[User]:
        """Whom one may name: the team's active members."""
        if self.place is None:
            return []
        members = User.objects.filter(memberships__team=self.place.team, is_active=True).distinct()
        return list(members.order_by("full_name", "pk"))


def read(user: User, sent: QueryDict) -> WaiverForm:
    """Read a form or a link; a place that the rule does not allow is not offered."""
    values = {name: _plain(sent.get(name, "")) for name in TEXTS}
    rule = waivers.rule_of(values["rule"])
    scopes = dict.fromkeys(_plain(scope) for scope in sent.getlist("scope")[:8] + sent.getlist("among")[:8])
    known = [place_of(user, scope, values["name"]) for scope in scopes if rule and waivers.may_be_asked(rule, scope)]
    places = tuple(sorted((place for place in known if place), key=lambda place: waivers.width(place.scope)))
    return WaiverForm(values, places, _plain(sent.get("scope", "")) if "among" in sent else "")


def _plain(text: str) -> str:
    return text.strip()[:2000] if storable(text) else ""
