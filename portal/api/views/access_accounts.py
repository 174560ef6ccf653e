"""Service accounts and their tokens, access reviews, leaving and handing on."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.access import machines, reviews
from policies.models import ApiToken, User
from policies.results import Denied
from portal import loaders, people_near
from portal.api.asking import named
from portal.api.auth import HasScope, IsPerson
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import access as shapes
from portal.api.serializers import things
from portal.api.serializers.environments import EnvironmentDetailSerializer
from portal.api.views.access import ACCESS
from portal.api.views.changing import environment_shown
from provisioning.actions import leaving


def _new(made: tuple[ApiToken, str] | Denied) -> Response:
    """A token whose value is shown this once."""
    if isinstance(made, Denied):
        return problem(made)
    token, value = made
    shown = {**things.TokenSerializer(token).data, "value": value}
    return Response(shown, status=201, headers={"Cache-Control": "no-store"})


class Accounts(ApiView):
    """Service accounts that the caller looks after."""

    scopes = {"POST": ACCESS}

    @listed("accounts_list", "List service accounts that you look after", shapes.AccountSerializer, things.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(things.PageQuery)
        return self.page(machines.managed_by(self.user), shapes.AccountSerializer, ("username", "pk"))

    @writes(
        "Make a service account of a team", shapes.AccountSerializer, takes=shapes.AccountAsk, scope=ACCESS, status=201
    )
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.AccountAsk)
        team = named("team", people_near.team, self.user, asked.pop("team"))
        made: User | Denied = machines.create(by=self.user, team=team, **asked)
        return self.answer(made, shapes.AccountSerializer, 201)


class AccountTokens(ApiView):
    """Tokens of one service account."""

    permission_classes = [HasScope, IsPerson]

    @writes(
        "Make a token of a service account; its value is shown this once. Only in a browser session",
        things.NewTokenSerializer,
        takes=shapes.AccountTokenAsk,
        scope="session",
        status=201,
    )
    def post(self, request: Request, username: str) -> Response:
        asked, machine = self.asked(shapes.AccountTokenAsk), people_near.machine(self.user, username)
        return _new(machines.mint(by=self.user, machine=machine, **asked))


class TokenRotate(ApiView):
    """A new value for the same use."""

    @writes(
        "Rotate a token: a new value, shown this once; the old one ends after the overlap. A token may rotate itself",
        things.NewTokenSerializer,
        takes=shapes.RotateAsk,
        status=201,
    )
    def post(self, request: Request, pk: int) -> Response:
        asked, token = self.asked(shapes.RotateAsk), people_near.machine_token(self.user, pk)
        if isinstance(request.auth, ApiToken) and request.auth.pk != token.pk:
            fix = "Rotate it with itself, or in a browser session."
            return problem(Denied("token.itself", "token", "A token rotates only itself.", fix, "You"))
        return _new(machines.rotate(by=self.user, token=token, **asked))


class Reviews(ApiView):
    """Access reviews."""

    @listed("access_reviews_list", "List access reviews of your teams", shapes.ReviewSerializer, things.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(things.PageQuery)
        return self.page(reviews.visible_to(self.user), shapes.ReviewSerializer, ("-opened_at", "-pk"))


class ReviewItems(ApiView):
    """The rights of one review."""

    @described("Every right of one review", {200: shapes.ItemsSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        found = people_near.review(self.user, pk)
        items = found.items.select_related("user", "decided_by")
        return Response(shapes.ItemsSerializer({"items": items}).data)


class ReviewDecide(ApiView):
    """An answer of a review."""

    scopes = {"POST": ACCESS}

    @writes("Confirm or revoke one right under review", shapes.ItemSerializer, takes=shapes.DecideAsk, scope=ACCESS)
    def post(self, request: Request, pk: int) -> Response:
        asked, item = self.asked(shapes.DecideAsk), people_near.review_item(self.user, pk)
        answer = reviews.decide(by=self.user, item=item, keep=asked["decision"] == "confirm", note=asked["note"])
        return self.answer(answer, shapes.ItemSerializer)


class Leave(ApiView):
    """Somebody leaves."""

    scopes = {"POST": ACCESS}

    @writes("Close an account and end every right of it", shapes.LeftSerializer, takes=shapes.WhyNotAsk, scope=ACCESS)
    def post(self, request: Request, username: str) -> Response:
        asked, person = self.asked(shapes.WhyNotAsk), people_near.person(self.user, username)
        ended = leaving.leave(by=self.user, person=person, reason=asked["reason"])
        return problem(ended) if isinstance(ended, Denied) else Response(shapes.LeftSerializer(ended).data)


class Transfer(ApiView):
    """A new owner."""

    scopes = {"POST": ACCESS}

    @writes(
        "Hand an environment on to somebody who may operate it",
        EnvironmentDetailSerializer,
        takes=shapes.TransferAsk,
        scope=ACCESS,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked, found = self.asked(shapes.TransferAsk), loaders.environment(self.user, pk)
        to = named("to", people_near.person, self.user, asked["to"])
        answer = leaving.transfer(by=self.user, environment=found, to=to, reason=asked["reason"])
        if isinstance(answer, Denied):
            return problem(answer)
        return Response(environment_shown(loaders.environment(self.user, pk)))
