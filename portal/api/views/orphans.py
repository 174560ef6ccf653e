"""The orphan ledger, and ends that need no driver: forcing an operation, deleting a record. Also: look again."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.etags import check_if_match, etag_of
from portal.api.problems import problem
from portal.api.schema import IF_MATCH, WRITES, described, listed
from portal.api.serializers import orphans as shapes
from portal.api.serializers.environments import EnvironmentDetailSerializer
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.views.decided import Change
from portal.api.views.environments import detail_of
from provisioning.actions import orphans, recovery
from provisioning.models import Environment, Orphan


class Orphans(ApiView):
    """What should be gone."""

    @listed("orphans_list", "List what should be gone", shapes.OrphanSerializer, shapes.OrphanQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.OrphanQuery).validated_data
        return self.page(reads.orphans(self.user, wanted), shapes.OrphanSerializer, ("-found_at", "-pk"))


class OrphanRetry(ApiView):
    """A removal that is tried again."""

    @described(
        "Try the removal again at once",
        {200: shapes.OrphanSerializer},
        scope="operate",
        takes=AskedNothingSerializer,
        problems=WRITES,
    )
    def post(self, request: Request, pk: int) -> Response:
        self.asked(AskedNothingSerializer)
        found = loaders.orphan(self.user, pk)
        return self.answer(_again(self, orphans.retry_removal(by=self.user, orphan=found)), shapes.OrphanSerializer)


class OrphanRemoved(ApiView):
    """A removal by hand."""

    @described(
        "Mark as removed by hand, with a reason",
        {200: shapes.OrphanSerializer},
        scope="operate",
        takes=shapes.ReasonAsk,
        problems=WRITES,
    )
    def post(self, request: Request, pk: int) -> Response:
        asked, found = self.asked(shapes.ReasonAsk), loaders.orphan(self.user, pk)
        answer = orphans.mark_removed(by=self.user, orphan=found, reason=asked["reason"])
        return self.answer(_again(self, answer), shapes.OrphanSerializer)


def _again(view: ApiView, answer: Orphan | Denied) -> Orphan | Denied:
    return answer if isinstance(answer, Denied) else loaders.orphan(view.user, answer.pk)


class ForceCancel(Change):
    """An end without its worker."""

    @described(
        "Force the end of an operation that was asked to cancel and did not stop",
        {200: OperationDetailSerializer},
        scope="operate",
        takes=shapes.ReasonAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ReasonAsk)
        return self.changed(recovery.force_cancel(by=self.user, operation=self.operation(pk), reason=asked["reason"]))


class _EnvironmentChange(ApiView):
    """A change to one environment, as the caller last read it."""

    def environment(self, pk: UUID) -> Environment:
        found = loaders.environment(self.user, pk)
        check_if_match(self.request, detail_of(found))
        return found

    def changed(self, result: Environment | Denied) -> Response:
        if isinstance(result, Denied):
            return problem(result)
        shown = detail_of(loaders.environment(self.user, result.pk))
        return Response(shown, headers={"ETag": etag_of(shown)})


class Check(_EnvironmentChange):
    """A look at what is there."""

    @described(
        "Compare with what is there; the result appears as `drift` and `health`",
        {200: EnvironmentDetailSerializer},
        scope="operate",
        takes=AskedNothingSerializer,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        self.asked(AskedNothingSerializer)
        return self.changed(recovery.check_now(by=self.user, environment=self.environment(pk)))


class DeleteRecord(_EnvironmentChange):
    """An environment whose driver is gone."""

    @described(
        "Delete the record and leave the resources, listed in the ledger",
        {200: EnvironmentDetailSerializer},
        scope="operate",
        takes=shapes.DeleteRecordAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.DeleteRecordAsk)
        return self.changed(recovery.delete_record(by=self.user, environment=self.environment(pk), **asked))
