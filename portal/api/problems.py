"""Every "no" of the API as problem+json (RFC 9457) with rule, field, fix and who."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from policies.results import Denied, FieldError, wrong_fields
from portal.api import auth
from portal.waiver_links import waiver_url

CONTENT_TYPE = "application/problem+json"


class BadInput(exceptions.APIException):
    """One thing of a request that is wrong before any action is asked."""

    def __init__(self, field: str, rule: str, message: str, fix: str = "", status: int = 422) -> None:
        super().__init__(message)
        error = FieldError(field, rule, message, fix)
        self.status_code = status
        self.denied = Denied(rule, field, message, fix, status=status, errors=(error,))


class PreconditionFailed(exceptions.APIException):
    """If-Match names another state than the present one."""

    status_code = 412
    default_detail = "It has changed since you read it. Nothing was done."


def problem(denied: Denied) -> Response:
    """A refusal by an action, with its own status."""
    body: dict[str, Any] = {
        "type": f"urn:berth:rule:{denied.rule}",
        "title": denied.reason,
        "status": denied.status,
        "rule": denied.rule,
        "field": denied.field,
        "fix": denied.fix,
        "who": denied.who,
    }
    if denied.errors:
        body["errors"] = [as_json(error) for error in denied.errors]
        if denied.errors[0].rule == denied.rule:
            body |= _of_policy(denied.errors[0])
    if denied.about:
        body["about"] = denied.about
    return Response(body, status=denied.status, content_type=CONTENT_TYPE)


def as_json(error: FieldError) -> dict[str, Any]:
    """A field error as JSON."""
    said = {"field": error.field, "rule": error.rule, "message": error.message, "fix": error.fix}
    return said | _of_policy(error) | ({"who": error.who} if error.who else {})


def _of_policy(error: FieldError) -> dict[str, Any]:
    """What only a policy says: the value, who may waive the rule, and where that is asked for."""
    if not error.who:
        return {}
    asked = {"owner": error.owner, "waiver_url": waiver_url(error)} if error.ask else {}
    return {"value": error.value, **asked}


# Exception → rule, field, fix, who. The first that matches counts.
_RULES: tuple[tuple[type[Exception], tuple[str, str, str, str]], ...] = (
    (exceptions.NotAuthenticated, ("auth.signed_in", "Authorization", "Send Authorization: Bearer berth_….", "You")),
    (exceptions.AuthenticationFailed, ("auth.token", "Authorization", "Make a new token in Settings.", "You")),
    (auth.ScopeMissing, ("auth.scope", "Authorization", "Make a token with that scope in Settings.", "You")),
    (auth.CsrfMissing, ("auth.csrf", "X-CSRFToken", "Send the csrftoken cookie's value in X-CSRFToken.", "You")),
    (auth.SessionNeeded, ("auth.person", "Authorization", "Make the token in Settings, in the browser.", "You")),
    (exceptions.PermissionDenied, ("auth.allowed", "", "Ask for the role that it needs.", "The team's owner")),
    (exceptions.ParseError, ("request.json", "", "Send a JSON object in UTF-8.", "You")),
    (exceptions.UnsupportedMediaType, ("request.media_type", "Content-Type", "Send application/json.", "You")),
    (exceptions.NotAcceptable, ("request.accept", "Accept", "Ask for application/json.", "You")),
    (exceptions.MethodNotAllowed, ("request.method", "", "See Allow, or /api/docs/.", "You")),
    (PreconditionFailed, ("request.if_match", "If-Match", "Read it again, then decide again.", "You")),
    (
        exceptions.NotFound,
        ("request.found", "", "Check the address; what is not yours looks the same as what is not there.", "You"),
    ),
)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exceptions in the same form; anything else is a defect and becomes a 500 elsewhere."""
    error = _as_api(error)
    if isinstance(error, BadInput):
        return problem(error.denied)
    if isinstance(error, exceptions.ValidationError):
        return problem(_invalid(error))
    if not isinstance(error, exceptions.APIException):
        return None
    rule, field, fix, who = next((said for kind, said in _RULES if isinstance(error, kind)), _unknown())
    response = problem(Denied(rule, field, str(error.detail), fix, who, status=error.status_code))
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    return response


def _as_api(error: Exception) -> Exception:
    if isinstance(error, Http404 | exceptions.NotFound):
        return exceptions.NotFound("There is nothing here that you may see.")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, BadRequest | SuspiciousOperation):
        return exceptions.ParseError("The request cannot be read.")
    return error


def _unknown() -> tuple[str, str, str, str]:
    return "request.valid", "", "See /api/docs/.", "You"


_FIXES = {
    "required": "Send this field.",
    "null": "Send a value, or leave the field out.",
    "blank": "Send some text.",
    "unknown": "Leave it out, or see /api/docs/ for the fields.",
    "missing_choice": "Choose one of the values named.",
}


def _invalid(error: exceptions.ValidationError) -> Denied:
    return wrong_fields(tuple(_flat("", error.detail)), "You")


def _flat(field: str, detail: Any) -> Iterator[FieldError]:
    """DRF's nested messages as one list, each with the dotted path of its field."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(".".join(part for part in (field, own) if part), inner)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(field, inner)
    else:
        code = getattr(detail, "code", "invalid")
        yield FieldError(field, f"request.{code}", str(detail), _FIXES.get(code, "See /api/docs/ for what it takes."))
