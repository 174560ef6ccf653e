"""Ask for a change, list operations, look at one, and stop or repeat it. Signing lives in decided.py."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from portal import loaders
from portal.api import asking, reads
from portal.api.base import ApiView, idempotency_key
from portal.api.etags import tagged
from portal.api.schema import IDEMPOTENCY_KEY, IF_NONE_MATCH, READS, WRITES, described, listed, writes
from portal.api.serializers import operations as shapes
from portal.api.views.changing import operation_shown
from provisioning.preview import preview


class Operations(ApiView):
    """Every change is an operation."""

    @listed("operations_list", "List operations", shapes.OperationSerializer, shapes.OperationQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.OperationQuery).validated_data
        return self.page(reads.operations(self.user, wanted), shapes.OperationSerializer)

    @described(
        "Ask for a change",
        {200: shapes.OperationDetailSerializer, 201: shapes.OperationDetailSerializer},
        scope="operate",
        takes=shapes.OperationAsk,
        parameters=[IDEMPOTENCY_KEY],
        problems=WRITES,
    )
    def post(self, request: Request) -> Response:
        asked, key = self.asked(shapes.OperationAsk), idempotency_key(request)
        repeated = reads.is_repeat(self.user, key)
        result = asking.ask(self.user, asked, key)
        return self.answer(result, shapes.OperationDetailSerializer, 200 if repeated else 201, at="operation")


class OperationPreview(ApiView):
    """What a request for an environment would meet."""

    scopes = {"POST": "read"}

    @writes(
        "Preview a request: findings, quota, cost, signers",
        shapes.PreviewSerializer,
        takes=shapes.WantedSerializer,
        scope="read",
    )
    def post(self, request: Request) -> Response:
        wanted = asking.wanted_of(self.user, self.asked(shapes.WantedSerializer))
        return Response(shapes.PreviewSerializer(preview(by=self.user, wanted=wanted)).data)


class OperationDetail(ApiView):
    """One operation."""

    @described(
        "One operation: plan, digest, approval, steps, findings, queue place",
        {200: shapes.OperationDetailSerializer, 304: None},
        parameters=[IF_NONE_MATCH],
        problems=READS,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return tagged(request, operation_shown(loaders.operation(self.user, pk)))
