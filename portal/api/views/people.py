"""Oneself and one's own tokens."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies import tokens
from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.auth import HasScope, IsPerson
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import things as shapes
from portal.second_factor.removing import remove


class Me(ApiView):
    """The caller."""

    @described("Who you are here, your roles and this token's scopes", {200: shapes.MeSerializer}, problems=READS)
    def get(self, request: Request) -> Response:
        return self.answer(self.user, shapes.MeSerializer)


class Tokens(ApiView):
    """One's own tokens."""

    permission_classes = [HasScope, IsPerson]

    @listed("tokens_list", "List your tokens", shapes.TokenSerializer, shapes.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(shapes.PageQuery)
        return self.page(reads.tokens(self.user), shapes.TokenSerializer)

    @writes(
        "Make a token; its value is shown this once. Only in a browser session, never with a token",
        shapes.NewTokenSerializer,
        takes=shapes.TokenAsk,
        scope="session",
        status=201,
    )
    def post(self, request: Request) -> Response:
        made = tokens.create(by=self.user, **self.asked(shapes.TokenAsk))
        if isinstance(made, Denied):
            return problem(made)
        token, value = made
        shown = {**shapes.TokenSerializer(token).data, "value": value}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})


class TokenDetail(ApiView):
    """One token."""

    @writes("End a token now; ending it twice is the same", None, status=204)
    def delete(self, request: Request, pk: int) -> Response:
        tokens.revoke(by=self.user, token=loaders.token(self.user, pk))
        return Response(status=204)


class Factors(ApiView):
    """One's own second factors."""

    @listed("factors_list", "List your second factors", shapes.FactorSerializer, shapes.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(shapes.PageQuery)
        return self.page(reads.factors(self.user), shapes.FactorSerializer)


class FactorDetail(ApiView):
    """One second factor."""

    @writes(
        "Remove a second factor. Needs one that was entered in this browser session within 15 minutes", None, status=204
    )
    def delete(self, request: Request, pk: int) -> Response:
        answer = remove(by=self.user, factor=loaders.factor(self.user, pk))
        return self.gone(answer)
