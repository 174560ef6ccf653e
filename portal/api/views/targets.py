"""Targets, and the line of what waits for a worker."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import targets as shapes
from portal.api.serializers.things import PageQuery
from provisioning import presence, selectors, waiting
from provisioning.actions import targets as actions
from provisioning.models import Target
from provisioning.vault import Secret

MOST_SHOWN = 200


class Queue(ApiView):
    """What waits."""

    @described("What waits for a worker, in order; your own teams' only", {200: shapes.LineSerializer}, problems=READS)
    def get(self, request: Request) -> Response:
        places = waiting.line(skip=0, most=MOST_SHOWN)
        seen = selectors.operations_visible_to(self.user).filter(pk__in=[pk for pk, _, _ in places])
        mine = set(seen.values_list("pk", flat=True))
        rows = [{"operation": pk, "position": n, "length": of} for pk, n, of in places if pk in mine]
        pools = [tag or "default" for tag in presence.served()]
        shown = {"total": selectors.waiting_count(), "waiting": rows, "pools": pools}
        return Response(shapes.LineSerializer(shown).data)


class Targets(ApiView):
    """Where drivers work."""

    @listed("targets_list", "List the targets and how they are", shapes.TargetSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(selectors.targets(), shapes.TargetSerializer, ("slug", "pk"))

    @writes("Register a target", shapes.TargetSerializer, takes=shapes.TargetAsk, status=201)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.TargetAsk)
        made = actions.register(by=self.user, wanted=shapes.wanted(asked, asked["slug"], asked["driver"]))
        return self.answer(made, shapes.TargetSerializer, 201, at="target", key="slug")


class TargetDetail(ApiView):
    """One target."""

    @described("One target with its breaker and its last check", {200: shapes.TargetSerializer}, problems=READS)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(loaders.target(self.user, slug), shapes.TargetSerializer)

    @writes("Change all but its slug and driver", shapes.TargetSerializer, takes=shapes.TargetChange)
    def put(self, request: Request, slug: str) -> Response:
        found = loaders.target(self.user, slug)
        wanted = shapes.wanted(self.asked(shapes.TargetChange), found.slug, found.driver)
        return _answer(self, actions.change(by=self.user, target=found, wanted=wanted))


class Check(ApiView):
    """Try the connection."""

    @writes("Have a worker of its pool try the connection, soon", shapes.TargetSerializer, status=202)
    def post(self, request: Request, slug: str) -> Response:
        return _answer(self, actions.ask_check(by=self.user, target=loaders.target(self.user, slug)), 202)


class Credentials(ApiView):
    """What a driver signs in with."""

    @writes(
        "Put the credentials into Vault; they are never shown again",
        shapes.TargetSerializer,
        takes=shapes.CredentialsAsk,
        problems=(503,),
    )
    def put(self, request: Request, slug: str) -> Response:
        found = loaders.target(self.user, slug)
        values = {name: Secret(value) for name, value in self.asked(shapes.CredentialsAsk)["values"].items()}
        return _answer(self, actions.set_credentials(by=self.user, target=found, values=values))


class Retire(ApiView):
    """Let nothing new be made there."""

    @writes("Retire a target that nothing lives on; twice is the same", shapes.TargetSerializer)
    def post(self, request: Request, slug: str) -> Response:
        return _answer(self, actions.retire(by=self.user, target=loaders.target(self.user, slug)))


def _answer(view: ApiView, result: Target | Denied, status: int = 200) -> Response:
    """The target as it is now."""
    if isinstance(result, Denied):
        return problem(result)
    return view.answer(loaders.target(view.user, result.slug), shapes.TargetSerializer, status)
