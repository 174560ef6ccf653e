"""How each endpoint describes itself in OpenAPI: its scope, what it takes, answers and refuses. And the whole of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from portal.api.problems import CONTENT_TYPE
from portal.api.serializers.parts import ProblemSerializer

READS = (401, 403, 404, 406, 422)
WRITES = (400, *READS, 409, 413, 415)
IF_MATCH = OpenApiParameter("If-Match", str, "header", description="The ETag that was read; another one gives 412.")
IF_NONE_MATCH = OpenApiParameter("If-None-Match", str, "header", description="The ETag that you have; 304 if equal.")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, "header", description="1 to 80 printable characters. The same key asks once."
)
TEXT = OpenApiTypes.STR
Shape = type[serializers.BaseSerializer[Any]] | serializers.BaseSerializer[Any] | None


def described(
    summary: str,
    answers: Mapping[Any, Any],
    *,
    scope: str = "read",
    takes: Shape = None,
    parameters: Sequence[Any] = (),
    problems: tuple[int, ...] = (),
) -> Callable[[Any], Any]:
    """Annotate one method. `problems` are all the statuses with which it may refuse."""
    refused = {(status, CONTENT_TYPE): ProblemSerializer for status in sorted({*problems})}
    return extend_schema(
        summary=summary,
        request=takes,
        responses={**answers, **refused},
        parameters=list(parameters),
        extensions={"x-scope": scope},
    )


def writes(
    summary: str,
    shape: Shape,
    *,
    takes: Shape = None,
    scope: str = "operate",
    status: int = 200,
    problems: tuple[int, ...] = (),
) -> Callable[[Any], Any]:
    """Annotate a method that writes; `problems` are statuses beside those with which every write may refuse."""
    return described(summary, {status: shape}, scope=scope, takes=takes, problems=(*WRITES, *problems))


def changes(
    summary: str, shape: Shape, *, takes: Shape, scope: str = "operate", problems: tuple[int, ...] = ()
) -> Callable[[Any], Any]:
    """The same of a method that changes one thing as it was last read."""
    refused = (*WRITES, 412, *problems)
    return described(summary, {200: shape}, scope=scope, takes=takes, parameters=[IF_MATCH], problems=refused)


def listed(name: str, summary: str, shape: type[serializers.BaseSerializer[Any]], query: Shape) -> Callable[[Any], Any]:
    """Annotate a method that answers pages."""
    refused = {(status, CONTENT_TYPE): ProblemSerializer for status in READS}
    return extend_schema(
        operation_id=name,
        summary=summary,
        request=None,
        responses={200: page_of(shape), **refused},  # type: ignore[arg-type]
        parameters=[query],  # type: ignore[list-item]
        extensions={"x-scope": "read"},
    )


@cache
def page_of(shape: type[serializers.BaseSerializer[Any]]) -> serializers.BaseSerializer[Any]:
    """The envelope of a list."""
    return inline_serializer(
        name=shape.__name__.replace("Serializer", "Page"),
        fields={
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": shape(many=True),
        },
    )


@cache
def public_schema() -> dict[str, Any]:
    """Every endpoint, the same for everybody; it cannot change while the process lives."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


class PublicSchema(SchemaGenerator):
    """Answers the address of the schema, which is open to anybody, without making it anew: that takes a second."""

    def get_schema(self, request: Any = None, public: bool = True) -> dict[str, Any]:
        return public_schema()


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The bearer token."""

    target_class = "portal.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from Settings, with the scope named."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The browser's session."""

    target_class = "portal.api.auth.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "berth_session", "description": "Writing needs X-CSRFToken."}
