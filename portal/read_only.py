"""Read-only mode: every write over HTTP is refused, but what ends it, signs in or out, cancels, or stops a line."""

import math
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import resolve
from django.utils import timezone

from policies import stops
from policies.models import Switch, SwitchName
from policies.results import Denied
from portal.api.problems import CONTENT_TYPE, problem
from portal.middleware import PROGRAMS
from portal.views.pages import problem_of

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
# What runs goes on: the backend of Terraform and the questions of clusters belong to operations that began before.
PASSES = frozenset(
    {
        *("signin", "signin_demo", "signin_link", "signout", "second_factor"),
        *("operation_cancel", "operation_force", "api:operation_cancel", "api:operation_force_cancel"),
        *("api:terraform_state", "webhook_admission", "webhook_admission_by_address"),
        *("switches", "switch_end", "api:switches", "api:switch_end"),
        *("stops", "api:stops", "access_look_end"),
    }
)


class ReadOnly:
    """Asks for the switch at each write and remembers nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE or _name(request) in PASSES:
            return self.get_response(request)
        row = stops.on().filter(name=SwitchName.READ_ONLY).first()
        if row is None:
            return self.get_response(request)
        return _refused(request, row)


def _refused(request: HttpRequest, row: Switch) -> HttpResponse:
    """For programs as a problem, for people as a page. It says nothing of whether they may do it otherwise."""
    left = math.ceil((row.ends_at - timezone.now()).total_seconds())
    wait = {"Retry-After": str(max(1, left))}
    reason = f"Berth is read-only: {row.reason}"
    fix = "Try again when it has ended. What waits and runs may be cancelled, and lines may be stopped."
    denied = Denied("switch.read_only", "", reason, fix, str(row.by), 503)
    if request.path.startswith(PROGRAMS):
        body = {**problem(denied).data, "until": row.ends_at.isoformat()}
        return JsonResponse(body, status=503, content_type=CONTENT_TYPE, headers=wait)
    context = {"problem": problem_of(denied), "until": row.ends_at}
    answer = render(request, "errors/read_only.html", context, status=503)
    answer["Retry-After"] = wait["Retry-After"]
    return answer


def _name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Http404:
        return ""
