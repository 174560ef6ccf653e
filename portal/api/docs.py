"""The API's own page, drawn on the server from the OpenAPI schema: no script, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.api.schema import public_schema

Json = Mapping[str, Any]
METHODS = ("get", "post", "put", "delete")
EXAMPLES: dict[str, Any] = {
    "kind": "create",
    "service": "payments-api",
    "template": "web-service",
    "name": "payments-api-dev",
    "tier": "dev",
    "parameters": {"size": "M"},
    "ttl_hours": 72,
    "digest": "sha256:9c2f…",
    "reason": "Load test before the release",
    "hours": 24,
    "version": "2026.11.5",
    "artifact": {"greeting": "hello"},
    "scopes": ["read"],
    "days": 30,
    "confirm": "payments-api-dev",
}


@dataclass(frozen=True)
class Field:
    """One parameter or one field of a body."""

    name: str
    where: str
    type: str
    required: bool
    about: str


@dataclass(frozen=True)
class Answer:
    """One status that may come, and the kind of content."""

    status: str
    content: str


@dataclass(frozen=True)
class Endpoint:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    scope: str
    fields: tuple[Field, ...]
    answers: tuple[Answer, ...]
    example: str


@dataclass(frozen=True)
class Group:
    """The endpoints of one kind of thing."""

    name: str
    endpoints: tuple[Endpoint, ...]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every endpoint with its parameters, an example and the scope that a token needs."""
    frame = "base.html" if request.user.is_authenticated else "bare.html"
    return render(request, "api/docs.html", {"frame": frame, "groups": groups()})


@cache
def groups() -> tuple[Group, ...]:
    """The schema as the page shows it; it cannot change while the process lives."""
    schema = public_schema()
    found: dict[str, list[Endpoint]] = {}
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                found.setdefault(methods[method]["tags"][0], []).append(_endpoint(schema, path, method))
    return tuple(Group(name, tuple(endpoints)) for name, endpoints in sorted(found.items()))


def _endpoint(schema: Json, path: str, method: str) -> Endpoint:
    said = schema["paths"][path][method]
    body = _body(schema, said)
    return Endpoint(
        anchor=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        scope=said["x-scope"],
        fields=(*_parameters(schema, said), *_body_fields(schema, body)),
        answers=tuple(_answers(said)),
        example=_example(path, method, body),
    )


def _resolved(schema: Json, shape: Json) -> Json:
    """The shape itself where only its name is given."""
    for part in (shape, *shape.get("allOf", []), *shape.get("oneOf", [])):
        if "$ref" in part:
            return dict(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]])
    return shape


def _parameters(schema: Json, said: Json) -> Iterator[Field]:
    for one in said.get("parameters", []):
        shape = _resolved(schema, one["schema"])
        about = one.get("description", "")
        yield Field(one["name"], one["in"], _type(shape), bool(one.get("required")), about)


def _body(schema: Json, said: Json) -> Json:
    content = said.get("requestBody", {}).get("content", {})
    return _resolved(schema, content["application/json"]["schema"]) if content else {}


def _body_fields(schema: Json, body: Json) -> Iterator[Field]:
    for name, given in body.get("properties", {}).items():
        shape = _resolved(schema, given)
        yield Field(name, "body", _type(shape), name in body.get("required", []), given.get("description", ""))


def _type(shape: Json) -> str:
    if "enum" in shape:
        return " | ".join(str(choice) for choice in shape["enum"])
    named = shape.get("format") or shape.get("type", "any")
    return " or ".join(str(part) for part in named) if isinstance(named, list) else str(named)


def _answers(said: Json) -> Iterator[Answer]:
    for status, answer in said["responses"].items():
        yield Answer(str(status), ", ".join(answer.get("content", {})))


def _example(path: str, method: str, body: Json) -> str:
    lines = [f"curl {settings.BERTH.public_url}{path}", '-H "Authorization: Bearer $BERTH_TOKEN"']
    if method != "get":
        lines[0] = lines[0].replace("curl", f"curl -X {method.upper()}", 1)
    wanted = [name for name in body.get("properties", {}) if name in EXAMPLES]
    if body:
        sent = json.dumps({name: EXAMPLES[name] for name in wanted}, ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d '{sent}'"]
    return " \\\n  ".join(lines)
