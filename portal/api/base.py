"""What every API view shares: who asks, checked input, pages, and refusals as problems."""

import re
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.urls import reverse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from policies.models import User
from policies.results import Denied
from portal.api.auth import HasScope
from portal.api.paging import Cursor
from portal.api.problems import BadInput, problem

S = TypeVar("S", bound=Serializer[Any])
KEY = re.compile(r"^[\x21-\x7e]{1,80}$")


class ApiView(APIView):
    """`scopes` names the token scope of a method where it is not the usual one."""

    permission_classes = [HasScope]
    metadata_class = None
    scopes: dict[str, str] = {}

    @property
    def user(self) -> User:
        """The person who asks; permission has seen to it that there is one."""
        return self.request.user  # type: ignore[return-value]

    def asked(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The checked body."""
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def query(self, shape: type[S]) -> S:
        """The checked query."""
        serializer = shape(data=self.request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        return serializer

    def page(
        self, rows: QuerySet[Any], shape: type[BaseSerializer[Any]], ordering: tuple[str, ...] = Cursor.ordering
    ) -> Response:
        """One page of rows."""
        cursor = Cursor()
        found = cursor.page_of(rows, self.request, ordering)
        return cursor.get_paginated_response(shape(found, many=True).data)

    def answer(
        self,
        result: Model | Denied,
        shape: type[BaseSerializer[Any]],
        status: int = 200,
        *,
        at: str = "",
        key: str = "pk",
    ) -> Response:
        """What an action answered: the thing, or its refusal. `at` is the route at which it is found by its `key`."""
        if isinstance(result, Denied):
            return problem(result)
        shown = shape(result, context={"request": self.request}).data
        headers = {"Location": reverse(f"api:{at}", args=[getattr(result, key)])} if at else None
        return Response(shown, status=status, headers=headers)

    def gone(self, result: object | Denied) -> Response:
        """What an action that removes answered: nothing, or its refusal."""
        return problem(result) if isinstance(result, Denied) else Response(status=204)


def idempotency_key(request: Request) -> str:
    """The Idempotency-Key header, or nothing."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not KEY.match(key):
        raise BadInput("Idempotency-Key", "request.key", "1 to 80 printable characters.", "Use a UUID.")
    return str(key)


class NotThere(APIView):
    """Any other address below /api/: a problem, not a page."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def nothing(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fix = "See /api/docs/. Every address ends in a slash."
        return problem(Denied("request.found", "", "There is no such address.", fix, "You", status=404))

    get = post = put = patch = delete = options = nothing
