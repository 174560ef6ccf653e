"""Per request: an id for logs and history, sign-in required unless a view says otherwise, the viewer's time zone,
and no form with a text that cannot be kept."""

import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from audit.context import bind_request_id
from portal.views.errors import not_found
from portal.views.pages import problem_of
from provisioning.actions.storable import storable, unstorable

GetResponse = Callable[[HttpRequest], HttpResponse]
PROGRAMS = ("/api/", "/webhooks/")
OPEN_PREFIXES = ("/healthz", "/readyz", "/static/", "/signin/", *PROGRAMS)


class RequestId:
    """Gives each request an id, binds it to the history, and answers it in X-Request-Id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        bind_request_id(request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class SignedIn:
    """Every page needs a signed-in person; the API authenticates by itself and answers 401."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated or request.path.startswith(OPEN_PREFIXES):
            return self.get_response(request)
        if request.headers.get("HX-Request") or request.path.startswith("/streams/"):
            return HttpResponse("Sign in again.", status=401, content_type="text/plain")
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)


class OwnNotFound:
    """What a view does not find has our page with DEBUG too: Django's own lists every address there is."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return not_found(request, exception) if isinstance(exception, Http404) else None


class KeptText:
    """Refuses a form that holds what Postgres cannot keep, before a view reads it. Programs are refused as parsed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.method != "POST" or request.path.startswith(PROGRAMS):
            return None
        wrong = next((name for name, values in request.POST.lists() if not storable([name, *values])), None)
        if wrong is None:
            return None
        denied = unstorable(wrong.replace("\x00", ""))
        return render(request, "errors/refused.html", {"problem": problem_of(denied)}, status=denied.status)


class ViewerZone:
    """Shows every time in the viewer's own zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        with timezone.override(zoneinfo.ZoneInfo(request.user.time_zone)):
            return self.get_response(request)
