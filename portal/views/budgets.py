"""One budget with what its month comes to, and its form. The list stands with the quotas."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from policies.budgets import Projection
from policies.models import Budget
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.forms import limits as forms
from portal.presenters.limits import budget_bar
from portal.views.pages import page, problem_of, status_of, viewer
from provisioning.actions import budgets as act
from provisioning.costs import project
from provisioning.tiers import Tier


@require_http_methods(["GET", "HEAD", "POST"])
def budget_new(request: HttpRequest) -> HttpResponse:
    """The form of a new budget; it can say first what the month comes to."""
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def budget(request: HttpRequest, pk: int) -> HttpResponse:
    """One budget: what is spent and committed, which thresholds were reached, and its form."""
    return _form(request, loaders.budget(viewer(request), pk))


def _form(request: HttpRequest, found: Budget | None) -> HttpResponse:
    form = forms.read_budget(viewer(request), request.POST, found)
    if request.method != "POST":
        return _shown(request, found, form)
    if form.asked == "preview":
        answer = act.preview_budget(by=viewer(request), wanted=form.wanted())
        if isinstance(answer, Denied):
            return _shown(request, found, form, denied=answer)
        return _shown(request, found, form, projection=answer)
    done: Budget | Denied
    if form.asked == "remove" and found is not None:
        done = act.remove_budget(by=viewer(request), budget=found, reason=form.reason)
    else:
        done = act.set_budget(by=viewer(request), wanted=form.wanted())
    if isinstance(done, Denied):
        return _shown(request, found, form, denied=done)
    messages.success(request, _("%(budget)s: saved.") % {"budget": done})
    return redirect("quotas")


def _shown(
    request: HttpRequest,
    found: Budget | None,
    form: forms.BudgetForm,
    *,
    denied: Denied | None = None,
    projection: Projection | None = None,
) -> HttpResponse:
    user = viewer(request)
    if projection is None and found is not None:
        projection = project(found, timezone.now())
    context: dict[str, Any] = {
        "budget": found,
        "form": form,
        "projection": projection,
        "bar": budget_bar(projection) if projection else None,
        "marks": found.marks.all()[:12] if found else (),
        "scopes": forms.scopes(user),
        "tiers": Tier.values,
        "problem": problem_of(denied),
        "may_manage": bool(may(user, Permission.MANAGE_QUOTAS, None)),
        "crumbs": [(_("Quotas & budgets"), "/quotas/"), (str(found.scope) if found else _("New budget"), None)],
    }
    return page(request, "quotas/budget.html", context, status=status_of(denied))
