"""The orphan ledger, and ends that need no driver: forcing an operation, deleting a record. Also: look again."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.schema import changes, listed, writes
from portal.api.serializers import orphans as shapes
from portal.api.serializers.environments import EnvironmentDetailSerializer
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.views.changing import EnvironmentChange, OperationChange
from provisioning.actions import orphans, recovery
from provisioning.models import Orphan


class Orphans(ApiView):
    """What should be gone."""

    @listed("orphans_list", "List what should be gone", shapes.OrphanSerializer, shapes.OrphanQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.OrphanQuery).validated_data
        return self.page(reads.orphans(self.user, wanted), shapes.OrphanSerializer, ("-found_at", "-pk"))


class OrphanRetry(ApiView):
    """A removal that is tried again."""

    @writes("Try the removal again at once", shapes.OrphanSerializer, takes=AskedNothingSerializer)
    def post(self, request: Request, pk: int) -> Response:
        self.asked(AskedNothingSerializer)
        found = loaders.orphan(self.user, pk)
        return self.answer(_again(self, orphans.retry_removal(by=self.user, orphan=found)), shapes.OrphanSerializer)


class OrphanRemoved(ApiView):
    """A removal by hand."""

    @writes("Mark as removed by hand, with a reason", shapes.OrphanSerializer, takes=shapes.ReasonAsk)
    def post(self, request: Request, pk: int) -> Response:
        asked, found = self.asked(shapes.ReasonAsk), loaders.orphan(self.user, pk)
        answer = orphans.mark_removed(by=self.user, orphan=found, reason=asked["reason"])
        return self.answer(_again(self, answer), shapes.OrphanSerializer)


def _again(view: ApiView, answer: Orphan | Denied) -> Orphan | Denied:
    return answer if isinstance(answer, Denied) else loaders.orphan(view.user, answer.pk)


class ForceCancel(OperationChange):
    """An end without its worker."""

    @changes(
        "Force the end of an operation that was asked to cancel and did not stop",
        OperationDetailSerializer,
        takes=shapes.ReasonAsk,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ReasonAsk)
        return self.changed(recovery.force_cancel(by=self.user, operation=self.as_read(pk), reason=asked["reason"]))


class Check(EnvironmentChange):
    """A look at what is there."""

    @changes(
        "Compare with what is there; the result appears as `drift` and `health`",
        EnvironmentDetailSerializer,
        takes=AskedNothingSerializer,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        self.asked(AskedNothingSerializer)
        return self.changed(recovery.check_now(by=self.user, environment=self.as_read(pk)))


class DeleteRecord(EnvironmentChange):
    """An environment whose driver is gone."""

    @changes(
        "Delete the record and leave the resources, listed in the ledger",
        EnvironmentDetailSerializer,
        takes=shapes.DeleteRecordAsk,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.DeleteRecordAsk)
        return self.changed(recovery.delete_record(by=self.user, environment=self.as_read(pk), **asked))
