"""The `http` state backend that Terraform and OpenTofu speak: GET, POST, LOCK, UNLOCK, DELETE on one address.

Thin: who may do what, and what is kept, is drivers/terraform/state.py's business. Not part of the REST API.
"""

import base64
import binascii
import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from provisioning.drivers.base import DriverError
from provisioning.drivers.terraform import state


@method_decorator(csrf_exempt, name="dispatch")
class State(View):
    """The state of one environment, for the run whose token comes as the password."""

    http_method_names = ["get", "post", "delete", "lock", "unlock"]

    @sensitive_variables()
    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            self.run = state.find(UUID(str(kwargs["pk"])), _token(request))
            answer = super().dispatch(request, *args, **kwargs)
        except state.StateRefused as refused:
            return _refusal(refused)
        except DriverError:
            return HttpResponse("The vault does not answer.", status=503, content_type="text/plain")
        answer["Cache-Control"] = "no-store"
        return answer

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        body = state.load(pk)
        return HttpResponse(status=204) if body is None else HttpResponse(body, content_type="application/json")

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        state.save(self.run, request.read(state.LARGEST + 1), request.GET.get("ID", ""))
        return HttpResponse(status=200)

    def delete(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        state.remove(self.run, request.GET.get("ID", ""))
        return HttpResponse(status=200)

    def lock(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        state.lock(self.run, _info(request))
        return HttpResponse(status=200)

    def unlock(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        state.unlock(self.run, str(_info(request).get("ID", "")))
        return HttpResponse(status=200)


def _token(request: HttpRequest) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _info(request: HttpRequest) -> dict[str, object]:
    try:
        found = json.loads(request.read(65536) or b"{}")
    except ValueError:
        raise state.StateRefused(400, "The lock is not JSON.") from None
    return found if isinstance(found, dict) else {}


def _refusal(refused: state.StateRefused) -> HttpResponse:
    """Terraform shows the holder of a lock from the body of a 423."""
    if refused.held is not None:
        return JsonResponse(dict(refused.held), status=refused.status)
    answer = HttpResponse(refused.reason, status=refused.status, content_type="text/plain")
    if refused.status == 401:
        answer["WWW-Authenticate"] = 'Basic realm="berth terraform state"'
    return answer
