"""Waivers: ask, grant, refuse, withdraw. The same actions as the pages."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies import waivers, waiving
from policies.models import User, Waiver
from policies.waiving import Wanted
from portal import loaders
from portal.api.base import ApiView
from portal.api.problems import BadInput
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import waivers as shapes
from portal.forms.waivers import place_of


class Waivers(ApiView):
    """Exceptions from rules."""

    @listed("waivers_list", "List the waivers of your teams", shapes.WaiverSerializer, shapes.WaiverQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.WaiverQuery).validated_data
        rows = waivers.visible_to(self.user)
        if wanted.get("state"):
            rows = rows.filter(state=wanted["state"])
        return self.page(rows, shapes.WaiverSerializer, ("-asked_at", "-pk"))

    @writes(
        "Ask for a waiver of a rule, or for the override of a request that a soft rule refused",
        shapes.WaiverSerializer,
        takes=shapes.WaiverAsk,
        status=201,
    )
    def post(self, request: Request) -> Response:
        made = waiving.ask(by=self.user, wanted=self._wanted())
        return self.answer(made, shapes.WaiverSerializer, 201, at="waiver")

    def _wanted(self) -> Wanted:
        asked = self.asked(shapes.WaiverAsk)
        scope, name = asked.pop("scope"), asked.pop("owner")
        place = place_of(self.user, scope)
        if place is None:
            raise BadInput("scope", "waiver.scope", "There is nothing of this name.", "Take it from the refusal.")
        members = User.objects.filter(memberships__team=place.team, is_active=True)
        owner = members.filter(username=name).first() if name else self.user
        if owner is None:
            raise BadInput("owner", "waiver.owner", f"Nobody of {place.team.name} has this name.", "Name a member.")
        return Wanted(scope=scope, label=place.label, team=place.team, owner=owner, **asked)


class WaiverDetail(ApiView):
    """One waiver."""

    @described("One waiver with its decision", {200: shapes.WaiverSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(loaders.waiver(self.user, pk), shapes.WaiverSerializer)


class Change(ApiView):
    """A decision on one waiver."""

    def one(self, pk: int) -> tuple[Waiver, str]:
        """The waiver and the reason that was sent."""
        return loaders.waiver(self.user, pk), self.asked(shapes.DecisionAsk)["reason"]


class Grant(Change):
    """A rule that is waived."""

    scopes = {"POST": "approve"}

    @writes(
        "Grant it, as who owns the rule; never what you asked for yourself",
        shapes.WaiverSerializer,
        takes=shapes.DecisionAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: int) -> Response:
        found, reason = self.one(pk)
        return self.answer(waiving.grant(by=self.user, waiver=found, reason=reason), shapes.WaiverSerializer)


class Refuse(Change):
    """A rule that stands."""

    scopes = {"POST": "approve"}

    @writes("Refuse it, as who owns the rule", shapes.WaiverSerializer, takes=shapes.DecisionAsk, scope="approve")
    def post(self, request: Request, pk: int) -> Response:
        found, reason = self.one(pk)
        return self.answer(waiving.refuse_waiver(by=self.user, waiver=found, reason=reason), shapes.WaiverSerializer)


class Withdraw(Change):
    """A waiver that ends before its time."""

    @writes("Take it back while it is asked for, or end it early", shapes.WaiverSerializer, takes=shapes.DecisionAsk)
    def post(self, request: Request, pk: int) -> Response:
        found, reason = self.one(pk)
        return self.answer(waiving.withdraw(by=self.user, waiver=found, reason=reason), shapes.WaiverSerializer)
