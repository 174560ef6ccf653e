"""The Git repositories the catalogue comes from."""

from rest_framework.request import Request
from rest_framework.response import Response

from catalog import actions, selectors
from catalog.models import Source
from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import listed, writes
from portal.api.serializers import sources as shapes
from portal.api.serializers.things import PageQuery


class Sources(ApiView):
    """Every source with how its last sync went."""

    @listed("sources_list", "List the catalogue's sources", shapes.SourceSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(selectors.sources(), shapes.SourceSerializer, ("slug", "pk"))

    @writes(
        "Connect a repository, or change the address of a known one",
        shapes.SourceSerializer,
        takes=shapes.SourceAsk,
        status=201,
    )
    def post(self, request: Request) -> Response:
        return _answer(actions.register_source(by=self.user, **self.asked(shapes.SourceAsk)), 201)


class SourceSync(ApiView):
    """Have a source read again."""

    @writes("Have the source read again by a worker, soon", shapes.SourceSerializer, status=202)
    def post(self, request: Request, slug: str) -> Response:
        return _answer(actions.ask_sync(by=self.user, source=loaders.source(self.user, slug)), 202)


def _answer(made: Source | Denied, status: int) -> Response:
    if isinstance(made, Denied):
        return problem(made)
    return Response(shapes.SourceSerializer(selectors.sources().get(pk=made.pk)).data, status=status)
