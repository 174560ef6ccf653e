"""What exists and could be adopted: list it, read lists into it, scan targets, assign owners, adopt."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api import asking, reads
from portal.api.base import ApiView, idempotency_key
from portal.api.problems import problem
from portal.api.schema import IDEMPOTENCY_KEY, WRITES, described, listed, writes
from portal.api.serializers import inventory as shapes
from portal.api.serializers.operations import OperationDetailSerializer
from provisioning.actions import inventory as actions
from provisioning.actions.adopt import adopt
from provisioning.selectors import inventory_visible_to


class Inventory(ApiView):
    """Candidates for adoption."""

    @listed("inventory_list", "List what could be adopted", shapes.InventoryItemSerializer, shapes.InventoryQuery)
    def get(self, request: Request) -> Response:
        asked = self.query(shapes.InventoryQuery).validated_data
        rows = inventory_visible_to(self.user)
        if "team" in asked:
            rows = rows.filter(team__slug=asked["team"])
        if "driver" in asked:
            rows = rows.filter(driver=asked["driver"])
        return self.page(rows, shapes.InventoryItemSerializer, ("-created_at", "pk"))


class InventoryImports(ApiView):
    """Read a list."""

    @writes(
        "Read a CSV list or a Terraform state; each row that was left out has its reason",
        shapes.InventoryImportSerializer,
        takes=shapes.ListAsk,
        status=201,
    )
    def post(self, request: Request) -> Response:
        result = actions.import_list(by=self.user, given=actions.List(**self.asked(shapes.ListAsk)))
        return self.answer(result, shapes.InventoryImportSerializer, 201)


class InventoryScan(ApiView):
    """Scan a target."""

    @writes(
        "Have a worker list what exists in a target, soon",
        shapes.InventoryImportSerializer,
        takes=shapes.ScanAsk,
        status=202,
    )
    def post(self, request: Request) -> Response:
        target = asking.named("target", loaders.target, self.user, self.asked(shapes.ScanAsk)["target"])
        return self.answer(actions.ask_scan(by=self.user, target=target), shapes.InventoryImportSerializer, 202)


class InventoryAssign(ApiView):
    """Say to whom candidates belong."""

    @writes("Assign candidates to a team", shapes.AssignedSerializer, takes=shapes.AssignAsk)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.AssignAsk)
        team = asking.named("team", loaders.team, self.user, asked["team"])
        owner = asking.named("owner", loaders.member, team, asked["owner"]) if "owner" in asked else None
        items = inventory_visible_to(self.user).filter(pk__in=asked["items"])
        result = actions.assign(by=self.user, items=items, team=team, owner=owner)
        if isinstance(result, Denied):
            return problem(result)
        return Response({"assigned": result})


class InventoryAdopt(ApiView):
    """Bring what exists under management."""

    @described(
        "Adopt existing resources as a new environment, without touching them",
        {200: OperationDetailSerializer, 201: OperationDetailSerializer},
        scope="operate",
        takes=shapes.AdoptAsk,
        parameters=[IDEMPOTENCY_KEY],
        problems=WRITES,
    )
    def post(self, request: Request) -> Response:
        asked, key = self.asked(shapes.AdoptAsk), idempotency_key(request)
        repeated, wanted = reads.is_repeat(self.user, key), asking.wanted_of(self.user, asked)
        result = adopt(by=self.user, wanted=wanted, items=asked["items"], addresses=asked["addresses"], key=key)
        return self.answer(result, OperationDetailSerializer, 200 if repeated else 201, at="operation")
