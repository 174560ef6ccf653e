"""Sign, reject, cancel or retry one operation, and read its log, decisions and signatures."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.schema import READS, changes, described
from portal.api.serializers import decided as shapes
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.views.changing import OperationChange
from provisioning.actions.control import cancel, retry
from provisioning.actions.sign import approve, reject


class Approve(OperationChange):
    """Sign a plan."""

    scopes = {"POST": "approve"}

    @changes("Sign the plan with this digest", OperationDetailSerializer, takes=shapes.ApproveAsk, scope="approve")
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ApproveAsk)
        return self.changed(approve(by=self.user, operation=self.as_read(pk), **asked))


class Reject(OperationChange):
    """Refuse a plan."""

    scopes = {"POST": "approve"}

    @changes(
        "Reject the plan with this digest, with a reason",
        OperationDetailSerializer,
        takes=shapes.RejectAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.RejectAsk)
        return self.changed(reject(by=self.user, operation=self.as_read(pk), **asked))


class Cancel(OperationChange):
    """Stop an operation."""

    @changes(
        "Cancel: at once while it waits, after its present step when it runs",
        OperationDetailSerializer,
        takes=shapes.CancelAsk,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.CancelAsk)
        return self.changed(cancel(by=self.user, operation=self.as_read(pk), **asked))


class Retry(OperationChange):
    """Run a failed operation again."""

    @changes(
        "Retry from the failed step, under the plan that was signed",
        OperationDetailSerializer,
        takes=AskedNothingSerializer,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        self.asked(AskedNothingSerializer)
        return self.changed(retry(by=self.user, operation=self.as_read(pk)))


class Log(ApiView):
    """The redacted log."""

    @described("Log lines after an id", {200: shapes.LogSerializer}, parameters=[shapes.LogQuery], problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        after = self.query(shapes.LogQuery).validated_data["after"]
        lines, last, complete = reads.log(loaders.operation(self.user, pk), after)
        return Response(shapes.LogSerializer({"lines": lines, "after": last, "complete": complete}).data)


class Decisions(ApiView):
    """What policy said."""

    @described("Every judgement, newest first", {200: shapes.DecisionSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        rows = reads.decisions(loaders.operation(self.user, pk))
        return Response(shapes.DecisionSerializer(rows, many=True).data)


class Signatures(ApiView):
    """Who signed."""

    @described("Every signature, void ones too", {200: shapes.SignatureSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        rows = reads.signatures(loaders.operation(self.user, pk))
        return Response(shapes.SignatureSerializer(rows, many=True).data)
