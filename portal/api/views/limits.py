"""Quotas and budgets: list, preview, set and remove."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from policies import budgets, quotas
from policies.models import Quota, User
from policies.results import Denied
from portal import loaders
from portal.api.asking import named
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import limits as shapes
from portal.api.serializers.parts import NoAnswerSerializer
from portal.api.serializers.things import PageQuery
from portal.presenters.limits import OF_FORM
from provisioning import costs
from provisioning.actions import budgets as budget_acts
from provisioning.actions import limits as act


def _scope(user: User, asked: Mapping[str, Any]) -> act.Scope:
    """What the body names, through the loaders."""
    loads = {"organisation": loaders.organisation, "team": loaders.team, "service": loaders.service}
    found: dict[str, Any] = {
        name: named(name, load, user, asked[name]) for name, load in loads.items() if name in asked
    }
    return act.Scope(tier=asked.get("tier", ""), **found)


def _quota(user: User, asked: Mapping[str, Any]) -> act.WantedQuota:
    texts = {name: asked.get(name, "") for name in ("currency", "shown", "reason")}
    return act.WantedQuota(scope=_scope(user, asked), metric=asked["metric"], limit=asked["limit"], **texts)


def _budget(user: User, asked: Mapping[str, Any]) -> budget_acts.WantedBudget:
    return budget_acts.WantedBudget(
        scope=_scope(user, asked),
        amount=asked["amount"],
        currency=asked["currency"],
        blocks=asked.get("blocks", False),
        auto_approve_below=asked.get("auto_approve_below"),
        reason=asked.get("reason", ""),
    )


class Quotas(ApiView):
    """How much each scope may hold."""

    @listed("quotas_list", "Quotas and how much of them is held", shapes.QuotaSerializer, shapes.QuotaQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.QuotaQuery).validated_data
        rows: QuerySet[Quota] = quotas.counted(quotas.visible_to(self.user))
        rows = rows.filter(**OF_FORM[wanted["form"]]) if "form" in wanted else rows
        exact = {"team__slug": wanted.get("team"), "metric": wanted.get("metric")}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        return self.page(rows, shapes.QuotaSerializer, ("metric", "pk"))

    @writes("Set a quota; what lowers it takes `shown` of the preview", shapes.QuotaSerializer, takes=shapes.QuotaAsk)
    def put(self, request: Request) -> Response:
        answer = act.set_quota(by=self.user, wanted=_quota(self.user, self.asked(shapes.QuotaAsk)))
        if isinstance(answer, Denied):
            return problem(answer)
        return self.answer(quotas.counted(Quota.objects.filter(pk=answer.pk)).get(), shapes.QuotaSerializer)


class QuotaPreview(ApiView):
    """What a limit would do."""

    @writes("What a limit would do to what is there; writes nothing", shapes.ImpactSerializer, takes=shapes.QuotaAsk)
    def post(self, request: Request) -> Response:
        answer = act.impact_of(by=self.user, wanted=_quota(self.user, self.asked(shapes.QuotaAsk)))
        return problem(answer) if isinstance(answer, Denied) else Response(shapes.ImpactSerializer(answer).data)


class QuotaDetail(ApiView):
    """One quota."""

    @described("One quota and how much of it is held", {200: shapes.QuotaSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        found = loaders.quota(self.user, pk)
        return self.answer(quotas.counted(Quota.objects.filter(pk=found.pk)).get(), shapes.QuotaSerializer)

    @writes("Limit it no more", NoAnswerSerializer, takes=shapes.RemoveAsk, status=204)
    def delete(self, request: Request, pk: int) -> Response:
        found, reason = loaders.quota(self.user, pk), self.asked(shapes.RemoveAsk)["reason"]
        answer = act.remove_quota(by=self.user, quota=found, reason=reason)
        return self.gone(answer)


class Budgets(ApiView):
    """What scopes mean to spend."""

    @listed("budgets_list", "Budgets", shapes.BudgetSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(budgets.visible_to(self.user), shapes.BudgetSerializer, ("pk",))

    @writes("Set the budget of a scope", shapes.BudgetSerializer, takes=shapes.BudgetAsk)
    def put(self, request: Request) -> Response:
        wanted = _budget(self.user, self.asked(shapes.BudgetAsk))
        return self.answer(budget_acts.set_budget(by=self.user, wanted=wanted), shapes.BudgetSerializer)


class BudgetPreview(ApiView):
    """What the month would come to against a budget."""

    @writes(
        "What this month comes to against a budget; writes nothing", shapes.ProjectionSerializer, takes=shapes.BudgetAsk
    )
    def post(self, request: Request) -> Response:
        answer = budget_acts.preview_budget(by=self.user, wanted=_budget(self.user, self.asked(shapes.BudgetAsk)))
        return problem(answer) if isinstance(answer, Denied) else Response(shapes.ProjectionSerializer(answer).data)


class BudgetDetail(ApiView):
    """One budget with its month."""

    @described("What a budget's month comes to", {200: shapes.ProjectionSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        found = costs.project(loaders.budget(self.user, pk), timezone.now())
        return Response(shapes.ProjectionSerializer(found).data)

    @writes("Remove a budget", NoAnswerSerializer, takes=shapes.RemoveAsk, status=204)
    def delete(self, request: Request, pk: int) -> Response:
        found, reason = loaders.budget(self.user, pk), self.asked(shapes.RemoveAsk)["reason"]
        answer = budget_acts.remove_budget(by=self.user, budget=found, reason=reason)
        return self.gone(answer)
