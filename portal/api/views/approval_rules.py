"""Approval rules, standing in, emergencies, and changing what was asked while it waits."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from policies import delegations, rule_book
from policies.delegations import Absence
from policies.models import ApprovalRule, Team, User
from policies.results import Denied
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, changes, described, listed, writes
from portal.api.serializers import approval_rules as shapes
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.serializers.things import PageQuery
from portal.api.views.changing import OperationChange
from provisioning import selectors
from provisioning.actions.break_glass import break_glass, review
from provisioning.actions.edit import edit

RULES = ApprovalRule.objects.prefetch_related("steps")


def _rule(slug: str) -> ApprovalRule:
    found = RULES.filter(slug=slug).first()
    if found is None:
        raise Http404("rule")
    return found


class ApprovalRules(ApiView):
    """Who must sign which plan."""

    @listed("approval_rules_list", "List the approval rules", shapes.ApprovalRuleSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(RULES.all(), shapes.ApprovalRuleSerializer, ("slug", "pk"))

    @writes("Write an approval rule", shapes.ApprovalRuleSerializer, takes=shapes.NewRuleAsk, status=201)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.NewRuleAsk)
        made = rule_book.save(by=self.user, draft=shapes.draft(asked, asked["slug"]))
        if isinstance(made, Denied):
            return problem(made)
        return self.answer(_rule(made.slug), shapes.ApprovalRuleSerializer, 201, at="approval_rule", key="slug")


class ApprovalRuleDetail(ApiView):
    """One rule."""

    @described("One approval rule", {200: shapes.ApprovalRuleSerializer}, problems=READS)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(_rule(slug), shapes.ApprovalRuleSerializer)

    @writes(
        "Change all but its slug; what waits keeps what it was asked for",
        shapes.ApprovalRuleSerializer,
        takes=shapes.RuleAsk,
    )
    def put(self, request: Request, slug: str) -> Response:
        rule = _rule(slug)
        kept = rule_book.save(by=self.user, draft=shapes.draft(self.asked(shapes.RuleAsk), slug), rule=rule)
        return problem(kept) if isinstance(kept, Denied) else self.answer(_rule(slug), shapes.ApprovalRuleSerializer)


class Delegations(ApiView):
    """Who signs for whom. It hands on a right to sign, so a token needs the scope of signing."""

    scopes = {"POST": "approve"}

    @listed("delegations_list", "Delegations of and to the caller", shapes.DelegationSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(selectors.delegations_visible_to(self.user), shapes.DelegationSerializer, ("pk",))

    @writes(
        "Let somebody sign for an absent person",
        shapes.DelegationSerializer,
        takes=shapes.DelegationAsk,
        scope="approve",
        status=201,
    )
    def post(self, request: Request) -> Response:
        absence = self._absence()
        made = absence if isinstance(absence, Denied) else delegations.delegate(by=self.user, absence=absence)
        return self.answer(made, shapes.DelegationSerializer, 201)

    def _absence(self) -> Absence | Denied:
        asked = self.asked(shapes.DelegationAsk)
        people = User.objects.filter(is_active=True, is_service=False)
        to = people.filter(username=asked["to"]).first()
        of = people.filter(username=asked["of"] or self.user.username).first()
        team = Team.objects.filter(slug=asked["team"]).first()
        if to is None or of is None or (asked["team"] and team is None):
            return Denied("delegation.known", "to", "There is no such person or team.", status=422)
        return Absence(of, to, asked["starts_at"] or timezone.now(), asked["ends_at"], asked["reason"], team)


class DelegationEnd(ApiView):
    """End a delegation."""

    scopes = {"POST": "approve"}

    @writes("End a delegation now; twice is the same", shapes.DelegationSerializer, scope="approve")
    def post(self, request: Request, pk: int) -> Response:
        found = selectors.delegations_visible_to(self.user).filter(pk=pk).first()
        if found is None:
            raise Http404("delegation")
        return self.answer(delegations.end(by=self.user, delegation=found), shapes.DelegationSerializer)


class BreakGlass(OperationChange):
    """Begin without signatures."""

    scopes = {"POST": "approve"}

    @changes(
        "Break the glass: begin this plan within 15 minutes without its signatures",
        OperationDetailSerializer,
        takes=shapes.GlassAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.GlassAsk)
        return self.changed(break_glass(by=self.user, operation=self.as_read(pk), **asked))


class Edit(OperationChange):
    """Change what was asked."""

    scopes = {"POST": "approve"}

    @changes(
        "Change parameters that the signer's step names; the plan is made again",
        OperationDetailSerializer,
        takes=shapes.SignerEditAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.SignerEditAsk)
        return self.changed(edit(by=self.user, operation=self.as_read(pk), **asked))


class Emergencies(ApiView):
    """Emergencies without a review."""

    @listed("emergencies_list", "Emergencies that wait for a review", shapes.EmergencySerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(selectors.emergencies_visible_to(self.user), shapes.EmergencySerializer, ("at", "pk"))


class EmergencyReview(ApiView):
    """The review of an emergency."""

    scopes = {"POST": "approve"}

    @writes(
        "Write the review of an emergency, once", shapes.EmergencySerializer, takes=shapes.ReviewAsk, scope="approve"
    )
    def post(self, request: Request, pk: int) -> Response:
        found = selectors.emergencies_visible_to(self.user).filter(pk=pk).first()
        if found is None:
            raise Http404("emergency")
        answer = review(by=self.user, glass=found, text=self.asked(shapes.ReviewAsk)["review"])
        return self.answer(answer, shapes.EmergencySerializer)
