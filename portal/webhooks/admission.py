"""Where a cluster's API server asks whether an object may stand. Judging is in provisioning/admission.py."""

import json
import time

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from provisioning import admission, admission_hooks
from provisioning.admission_facts import MalformedReview, request_of

# An object and the one before it; Kubernetes keeps none above 1.5 MB.
BODY_LIMIT = 6 << 20


@csrf_exempt
@require_POST
@sensitive_variables("token")
def review(request: HttpRequest, slug: str, token: str = "") -> JsonResponse:
    """Answer an AdmissionReview; whoever has not the cluster's token learns nothing."""
    started = time.perf_counter_ns()
    hook = admission_hooks.find(slug, token or _bearer(request))
    if hook is None:
        return _problem("The token is not the one of this cluster's webhook.", 401)
    try:
        asked = request_of(_body(request))
        given = admission.answer(hook, asked)
    except MalformedReview as problem:
        return _problem(str(problem), 400)
    if not asked.get("dryRun"):
        admission_hooks.note(hook, micros=(time.perf_counter_ns() - started) // 1000, allowed=given.allowed)
    return JsonResponse(given.review(asked["uid"]))


def _bearer(request: HttpRequest) -> str:
    scheme, _space, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" else ""


def _body(request: HttpRequest) -> object:
    raw = request.read(BODY_LIMIT + 1)
    if len(raw) > BODY_LIMIT:
        raise MalformedReview(f"The review is longer than {BODY_LIMIT >> 20} MB.")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise MalformedReview("The body is not JSON.") from error


def _problem(text: str, status: int) -> JsonResponse:
    return JsonResponse({"detail": text}, status=status)
