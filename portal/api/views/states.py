"""The Terraform state of an environment, and breaking its lock."""

from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, writes
from portal.api.serializers import states as shapes
from provisioning.actions.terraform import break_lock
from provisioning.drivers.base import DriverError
from provisioning.drivers.terraform import viewer
from provisioning.models import Environment

NEWEST = 50
AWAY = Denied("vault.away", "", "The state is encrypted, and Vault does not answer.", "Try again soon.", status=503)


class EnvironmentState(ApiView):
    """What is in it."""

    @described(
        "Addresses and types in the Terraform state, its lock and versions; never values",
        {200: shapes.StateSerializer},
        problems=(*READS, 503),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return _answer(loaders.environment(self.user, pk))


class EnvironmentUnlock(ApiView):
    """Its lock."""

    @writes(
        "Break the lock of the Terraform state; the reason is kept",
        shapes.StateSerializer,
        takes=shapes.UnlockAsk,
        problems=(503,),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked, found = self.asked(shapes.UnlockAsk), loaders.environment(self.user, pk)
        answer = break_lock(by=self.user, environment=found, reason=asked["reason"])
        return problem(answer) if isinstance(answer, Denied) else _answer(found)


def _answer(found: Environment) -> Response:
    try:
        return Response(_shown(found))
    except DriverError:
        return problem(AWAY)


def _shown(found: Environment) -> dict[str, object]:
    row = viewer.row(found)
    if row is None:
        raise Http404("state")
    facts = {
        "serial": row.serial,
        "lineage": row.lineage,
        "lock": row if row.lock_id else None,
        "resources": viewer.lines(found),
        "versions": viewer.versions(found)[:NEWEST],
    }
    return dict(shapes.StateSerializer(facts).data)
