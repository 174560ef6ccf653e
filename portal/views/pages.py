"""How views answer: the viewer, a page or its part for htmx, a refusal in full. No rules, no queries."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from policies.models import User
from policies.results import Denied
from portal.waiver_links import waiver_url


def viewer(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets nobody else through."""
    assert isinstance(request.user, User)  # noqa: S101 - narrows the type; SignedIn guarantees it
    return request.user


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, part: str = "", status: int = 200
) -> HttpResponse:
    """The whole page, or only `part` when htmx asks for the same address."""
    partial = bool(part) and request.headers.get("HX-Request") == "true"
    response = render(request, part if partial else template, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def status_of(denied: Denied | None) -> int:
    """Of a page that shows a refusal, where there is one."""
    return 200 if denied is None else denied.status


def problem_of(denied: Denied | None, title: str = "") -> dict[str, Any] | None:
    """A refusal for components/problem.html. By a policy it has the value, and leads to where a waiver is asked for."""
    if denied is None:
        return None
    first = denied.errors[0] if denied.errors else None
    said = first if first is not None and first.rule == denied.rule else None
    return {
        "title": title or denied.reason,
        "detail": denied.reason if title else "",
        "rule": denied.rule,
        "field": denied.field,
        "fix": denied.fix,
        "who": denied.who,
        "about": denied.about,
        "value": "" if said is None or said.value is None else str(said.value),
        "owner": said.owner if said is not None else "",
        "waiver_url": waiver_url(said) if said is not None else "",
    }
