"""/healthz and /readyz, for machines."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from portal import health


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the main job can be done, else 503 with what is missing."""
    checks = health.checks()
    ready = all(check.ok for check in checks)
    body = {"status": "ready" if ready else "not ready", "checks": [vars(check) for check in checks]}
    return JsonResponse(body, status=200 if ready else 503)
