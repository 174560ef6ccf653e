"""Policy bundles, the log of decisions, and checks for pipelines."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies.bundles import replay, store
from policies.decisions import filtered
from policies.models import PolicyBundle
from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.parsing import LargeJsonObject
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import policies as shapes
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.serializers.things import PageQuery
from provisioning.actions.policy_check import Checkable, check


class Bundles(ApiView):
    """Everything that is, was or may be in force."""

    @listed("bundles_list", "List the policy bundles, newest first", shapes.BundleSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(PolicyBundle.objects.all(), shapes.BundleSerializer, ("-created_at", "-pk"))

    @writes(
        "Draft the next bundle of the shipped rules, the repositories and the forms",
        shapes.BundleDetailSerializer,
        takes=AskedNothingSerializer,
        status=201,
    )
    def post(self, request: Request) -> Response:
        self.asked(AskedNothingSerializer)
        made = store.draft(by=self.user)
        return self.answer(made, shapes.BundleDetailSerializer, 201, at="policy_bundle")


class BundleDetail(ApiView):
    """One bundle."""

    @described("One bundle with its files and replays", {200: shapes.BundleDetailSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(loaders.policy_bundle(self.user, pk), shapes.BundleDetailSerializer)


class BundleAct(ApiView):
    """What is done with one bundle."""

    @writes(
        "Put it into force or shadow, withdraw it, or have it replayed; it is checked again before it comes into force",
        shapes.BundleDetailSerializer,
        takes=shapes.ActAsk,
    )
    def post(self, request: Request, pk: int) -> Response:
        asked, found = self.asked(shapes.ActAsk), loaders.policy_bundle(self.user, pk)
        acts = {"activate": store.activate, "shadow": store.shadow, "withdraw": store.withdraw}
        if asked["act"] in acts:
            return self.answer(acts[asked["act"]](by=self.user, bundle=found), shapes.BundleDetailSerializer)
        answer = replay.ask_replay(by=self.user, bundle=found, days=asked["days"])
        return problem(answer) if isinstance(answer, Denied) else self.answer(found, shapes.BundleDetailSerializer)


class Decisions(ApiView):
    """The log."""

    @listed(
        "decisions_list",
        "List the decisions about your teams' things, newest first",
        shapes.LoggedDecisionSerializer,
        shapes.DecisionsQuery,
    )
    def get(self, request: Request) -> Response:
        asked = self.query(shapes.DecisionsQuery).validated_data
        wanted = {name: asked.get(name, "") for name in ("rule", "team", "outcome")}
        rows = filtered(loaders.decisions(self.user), **wanted)
        return self.page(rows, shapes.LoggedDecisionSerializer, ("-at", "-pk"))


class Check(ApiView):
    """Policy for pipelines: it changes nothing, so a token needs to read only."""

    scopes = {"POST": "read"}
    parser_classes = [LargeJsonObject]

    @writes(
        "Judge a template, a manifest or a Terraform plan by the policy in force, before it is asked for",
        shapes.CheckSerializer,
        takes=shapes.CheckAsk,
        scope="read",
    )
    def post(self, request: Request) -> Response:
        results = check(by=self.user, asked=Checkable(**self.asked(shapes.CheckAsk)))
        if isinstance(results, Denied):
            return problem(results)
        return Response(shapes.CheckSerializer(shapes.checked(results)).data)
