"""Quotas: every scope with its bar, one quota with who uses it, and the form with what a limit would do."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from policies.budgets import visible_to as budgets_visible_to
from policies.models import Quota, User
from policies.permissions import Permission, may, teams_with
from policies.quotas import visible_to, with_use
from policies.results import Denied
from portal import loaders
from portal.forms import limits as forms
from portal.presenters.limits import OF_FORM, bar, budget_bar, changes
from portal.shell import shell_of
from portal.views.pages import page, problem_of, status_of, viewer
from provisioning import reclaim
from provisioning.actions import limits as act
from provisioning.costs import project
from provisioning.tiers import Tier

PAGE = 25
FORMS = {
    "organisation": lazy("Organisation"),
    "tier": lazy("Tier"),
    "team": lazy("Team"),
    "team-tier": lazy("Team in a tier"),
    "service": lazy("Service"),
}
BUDGETS = ("organisation__name", "team__name", "service__slug", "tier")
ORDER = ("organisation__name", "team__name", "service__slug", "tier", "metric", "pk")


@require_safe
def quotas(request: HttpRequest) -> HttpResponse:
    """Every quota the viewer may see, with what is held of it."""
    user, sent = viewer(request), request.GET
    rows = _narrowed(visible_to(user), sent).order_by(*ORDER)
    at = Paginator(rows, PAGE).get_page(sent.get("page"))
    uses = with_use(visible_to(user).filter(pk__in=[row.pk for row in at.object_list]).order_by(*ORDER))
    context = {
        "page": at,
        "rows": [(use.quota, bar(use)) for use in uses],
        "budgets": [budget_bar(project(row, timezone.now())) for row in budgets_visible_to(user).order_by(*BUDGETS)],
        "q": sent.get("q", "")[:100],
        "narrow": any(sent.get(name) for name in ("q", "team", "form")),
        "selects": _selects(request),
        "may_manage": bool(may(user, Permission.MANAGE_QUOTAS, None)),
        "crumbs": [(_("Governance"), "/governance/"), (_("Quotas & budgets"), None)],
    }
    return page(request, "quotas/list.html", context, part="quotas/table.html")


def _narrowed(rows: QuerySet[Quota], sent: Any) -> QuerySet[Quota]:
    if sent.get("team"):
        rows = rows.filter(team__slug=sent["team"][:40])
    if sent.get("form") in OF_FORM:
        rows = rows.filter(**OF_FORM[sent["form"]])
    if sent.get("q"):
        rows = rows.filter(metric__icontains=sent["q"].strip()[:40].replace("\x00", ""))
    return rows


def _selects(request: HttpRequest) -> list[dict[str, Any]]:
    named, sent = [(team.slug, team.name) for team in shell_of(request).teams], request.GET
    return [
        {"name": "form", "label": _("Scope"), "options": list(FORMS.items()), "value": sent.get("form", "")},
        {"name": "team", "label": _("Team"), "options": named, "value": sent.get("team", "")},
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def quota_new(request: HttpRequest) -> HttpResponse:
    """The form of a new quota; sending it shows what it does, and saves it then."""
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def quota(request: HttpRequest, pk: int) -> HttpResponse:
    """One quota: who uses it, what could be given back, its history, and its form."""
    return _form(request, loaders.quota(viewer(request), pk))


def _form(request: HttpRequest, found: Quota | None) -> HttpResponse:
    form = forms.read_quota(viewer(request), request.POST, found)
    if request.method != "POST":
        return _shown(request, found, form)
    if form.removes and found is not None:
        answer = act.remove_quota(by=viewer(request), quota=found, reason=form.reason)
        return _answered(request, found, form, answer, _("It is limited no more."))
    if form.only_shows:
        impact = act.impact_of(by=viewer(request), wanted=form.wanted())
        if isinstance(impact, Denied):
            return _shown(request, found, form, denied=impact)
        return _shown(request, found, form, impact=impact)
    return _answered(request, found, form, act.set_quota(by=viewer(request), wanted=form.wanted()), _("It is set."))


def _answered(
    request: HttpRequest, found: Quota | None, form: forms.QuotaForm, answer: Quota | Denied, said: str
) -> HttpResponse:
    if not isinstance(answer, Denied):
        messages.success(request, f"{answer}: {said}")
        return redirect("quotas")
    impact = act.impact_of(by=viewer(request), wanted=form.wanted()) if "impact" in answer.about else None
    shown = None if isinstance(impact, Denied) else impact
    return _shown(request, found, form, denied=answer, impact=shown)


def _shown(
    request: HttpRequest,
    found: Quota | None,
    form: forms.QuotaForm,
    *,
    denied: Denied | None = None,
    impact: act.Impact | None = None,
) -> HttpResponse:
    user = viewer(request)
    context: dict[str, Any] = {
        "quota": found,
        "form": form,
        "impact": impact,
        "scopes": forms.scopes(user),
        "tiers": Tier.values,
        "metrics": forms.metrics(),
        "problem": problem_of(denied),
        "may_manage": bool(may(user, Permission.MANAGE_QUOTAS, None)),
        "crumbs": [(_("Quotas & budgets"), "/quotas/"), (str(found.scope) if found else _("New quota"), None)],
    }
    if found is not None:
        context |= _use_of(user, found)
    return page(request, "quotas/one.html", context, status=status_of(denied))


def _use_of(user: User, found: Quota) -> dict[str, Any]:
    (use,) = with_use(Quota.objects.filter(pk=found.pk))
    holders = reclaim.holders_of(found)
    seen = holders.filter(team__in=teams_with(user, Permission.VIEW))
    shown = list(seen[:PAGE])
    return {
        "bar": bar(use),
        "use": use,
        "holders": shown,
        "others": holders.count() - len(shown),
        "free": reclaim.reclaimable(user, found, timezone.now()),
        "changes": changes(loaders.history(user), f"quota:{found.pk}", found),
    }
