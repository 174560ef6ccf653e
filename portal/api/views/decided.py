"""Sign, reject, cancel or retry one operation, and read its log, decisions and signatures."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.etags import check_if_match, etag_of
from portal.api.problems import problem
from portal.api.schema import IF_MATCH, READS, WRITES, described
from portal.api.serializers import decided as shapes
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.views.operations import detail_of
from provisioning.actions.control import cancel, retry
from provisioning.actions.sign import approve, reject
from provisioning.models import Operation

CHANGED = {200: OperationDetailSerializer}


class Change(ApiView):
    """A change to one operation, as the caller last read it."""

    def operation(self, pk: UUID) -> Operation:
        """The operation, if If-Match still names its state."""
        found = loaders.operation(self.user, pk)
        check_if_match(self.request, detail_of(found))
        return found

    def changed(self, result: Operation | Denied) -> Response:
        """The operation afterwards with its new tag, or the refusal."""
        if isinstance(result, Denied):
            return problem(result)
        shown = detail_of(loaders.operation(self.user, result.pk))
        return Response(shown, headers={"ETag": etag_of(shown)})


class Approve(Change):
    """Sign a plan."""

    scopes = {"POST": "approve"}

    @described(
        "Sign the plan with this digest",
        CHANGED,
        scope="approve",
        takes=shapes.ApproveAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ApproveAsk)
        return self.changed(approve(by=self.user, operation=self.operation(pk), **asked))


class Reject(Change):
    """Refuse a plan."""

    scopes = {"POST": "approve"}

    @described(
        "Reject the plan with this digest, with a reason",
        CHANGED,
        scope="approve",
        takes=shapes.RejectAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.RejectAsk)
        return self.changed(reject(by=self.user, operation=self.operation(pk), **asked))


class Cancel(Change):
    """Stop an operation."""

    @described(
        "Cancel: at once while it waits, after its present step when it runs",
        CHANGED,
        scope="operate",
        takes=shapes.CancelAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.CancelAsk)
        return self.changed(cancel(by=self.user, operation=self.operation(pk), **asked))


class Retry(Change):
    """Run a failed operation again."""

    @described(
        "Retry from the failed step, under the plan that was signed",
        CHANGED,
        scope="operate",
        takes=AskedNothingSerializer,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        self.asked(AskedNothingSerializer)
        return self.changed(retry(by=self.user, operation=self.operation(pk)))


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
