"""Every "no" of the API as problem+json (RFC 9457) with rule, field, fix and who."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from policies.results import Denied

CONTENT_TYPE = "application/problem+json"


def problem(denied: Denied) -> Response:
    """A refusal by an action, with its own status."""
    body: dict[str, Any] = {
        "type": f"/docs/rules#{denied.rule}",
        "title": denied.reason,
        "status": denied.status,
        "rule": denied.rule,
        "field": denied.field,
        "fix": denied.fix,
        "who": denied.who,
    }
    if denied.errors:
        body["errors"] = [as_json(error) for error in denied.errors]
    return Response(body, status=denied.status, content_type=CONTENT_TYPE)


def as_json(error: Any) -> dict[str, str]:
    """A field error as JSON."""
    return {"field": error.field, "rule": error.rule, "message": error.message, "fix": error.fix}


_RULES: dict[type[Exception], tuple[str, str]] = {
    exceptions.NotAuthenticated: ("auth.signed_in", "Send a token: Authorization: Bearer berth_…"),
    exceptions.AuthenticationFailed: ("auth.token", "Make a new token in Settings."),
    exceptions.PermissionDenied: ("auth.scope", "Use a token with the scope named."),
    exceptions.ParseError: ("request.json", "Send a JSON object."),
    exceptions.UnsupportedMediaType: ("request.media_type", "Send Content-Type: application/json."),
    exceptions.NotAcceptable: ("request.accept", "Ask for application/json."),
    exceptions.MethodNotAllowed: ("request.method", "See /api/schema/ for the methods of this address."),
    exceptions.Throttled: ("request.rate", "Wait, then send it again."),
    exceptions.NotFound: ("request.found", "Check the id; what you may not see looks the same as what is not there."),
}


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exceptions in the same form; anything else is a defect and becomes a 500 elsewhere."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    rule, fix = _RULES.get(type(error), ("request.valid", "See /api/schema/."))
    denied = Denied(rule, "", str(error.detail), fix, status=error.status_code)
    response = problem(denied)
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    return response


def _invalid(error: exceptions.ValidationError) -> Response:
    detail = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    errors = [
        {"field": field, "rule": "request.valid", "message": str(message), "fix": ""}
        for field, messages in detail.items()
        for message in (messages if isinstance(messages, list) else [messages])
    ]
    first = errors[0]
    body = {
        "type": "/docs/rules#request.valid",
        "title": first["message"],
        "status": 422,
        "rule": "request.valid",
        "field": first["field"],
        "fix": "Correct the fields named in errors.",
        "who": "",
        "errors": errors,
    }
    return Response(body, status=422, content_type=CONTENT_TYPE)
