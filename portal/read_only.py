"""Read-only mode: every write over HTTP is refused, but what is needed to end it, to sign in or out, and to cancel."""

import math
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.utils import timezone

from policies import stops
from policies.models import Switch, SwitchName

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
# What runs goes on: the backend of Terraform and the questions of clusters belong to operations that began before.
PASSES = frozenset(
    {
        *("signin", "signin_demo", "signin_link", "signout", "second_factor"),
        *("operation_cancel", "operation_force", "api:operation_cancel", "api:operation_force_cancel"),
        *("api:terraform_state", "webhook_admission", "webhook_admission_by_address"),
        *("switches", "switch_end", "api:switches", "api:switch_end"),
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
        return _refused(row)


def _refused(row: Switch) -> HttpResponse:
    body = {
        "type": "urn:berth:rule:switch.read_only",
        "title": f"Berth is read-only: {row.reason}",
        "status": 503,
        "rule": "switch.read_only",
        "field": "",
        "fix": "Try again after the time that `until` names. What waits and runs may be cancelled.",
        "who": str(row.by),
        "until": row.ends_at.isoformat(),
    }
    left = math.ceil((row.ends_at - timezone.now()).total_seconds())
    headers = {"Retry-After": str(max(1, left))}
    return JsonResponse(body, status=503, content_type="application/problem+json", headers=headers)


def _name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Http404:
        return ""
