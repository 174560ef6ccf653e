"""Approval rules: who must sign which plan. Everybody may read them; platform engineers write them."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies import rule_book
from policies.models import ApprovalRule, OnExpiry
from policies.permissions import Permission, may, teams_with
from policies.results import Denied
from policies.rule_book import RuleDraft
from portal.forms.approval_rule import draft_of, shown
from portal.presenters import approval_rules as show
from portal.views.pages import problem_of, status_of, viewer
from provisioning import closures, rule_trial, selectors


@require_http_methods(["GET", "HEAD", "POST"])
def approval_rules(request: HttpRequest) -> HttpResponse:
    """Every rule, what nobody could sign, and emergencies without a review; POST writes a new rule, out of force."""
    user = viewer(request)
    if request.method == "POST":
        return _saved(request, draft_of(request.POST, active=False), None)
    rules = list(ApprovalRule.objects.prefetch_related("steps"))
    context = {
        "rules": [show.row(rule) for rule in rules],
        "lacking": rule_trial.unsatisfiable([rule for rule in rules if rule.active]),
        "emergencies": [show.emergency(user, glass) for glass in selectors.emergencies_visible_to(user)],
        "may_manage": _may_manage(request),
        "crumbs": [(_("Governance"), "/governance/"), (_("Approval rules"), None)],
    }
    return render(request, "approval_rules/list.html", context)


@require_safe
def approval_rule_new(request: HttpRequest) -> HttpResponse:
    """The form for a new rule."""
    return _form(request, None, shown(None))


@require_http_methods(["GET", "HEAD", "POST"])
def approval_rule(request: HttpRequest, slug: str) -> HttpResponse:
    """One rule: who could sign now, and what it would have asked; POST changes it."""
    rule = _rule(slug)
    if request.method == "POST":
        return _saved(request, draft_of(request.POST, active=rule.active), rule)
    teams = set(teams_with(viewer(request), Permission.VIEW))
    context = {
        "rule": rule,
        "facts": show.row(rule),
        "signers": [(t, rule_trial.signers_now(rule, t)) for t in rule_trial.teams_of(rule) if t in teams],
        "trial": rule_trial.try_out(rule, seen_by=viewer(request)),
        "may_manage": _may_manage(request),
        "crumbs": _crumbs(rule.slug),
    }
    return render(request, "approval_rules/page.html", context)


@require_safe
def approval_rule_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """The form for a rule that exists."""
    rule = _rule(slug)
    return _form(request, rule, shown(rule))


@require_POST
def approval_rule_switch(request: HttpRequest, slug: str) -> HttpResponse:
    """Put a rule in force, or out of it."""
    active = request.POST.get("active") == "yes"
    answer = rule_book.switch(by=viewer(request), rule=_rule(slug), active=active)
    if isinstance(answer, Denied):
        return _refused(request, answer)
    words = _("%(slug)s is in force.") if active else _("%(slug)s is out of force.")
    messages.success(request, words % {"slug": slug})
    return redirect("approval_rule", slug=slug)


def _saved(request: HttpRequest, draft: RuleDraft, rule: ApprovalRule | None) -> HttpResponse:
    answer = rule_book.save(by=viewer(request), draft=draft, rule=rule)
    if isinstance(answer, Denied):
        return _form(request, rule, shown(draft), answer) if _may_manage(request) else _refused(request, answer)
    messages.success(request, _("%(slug)s is kept.") % {"slug": answer.slug})
    return redirect("approval_rule", slug=answer.slug)


def _form(
    request: HttpRequest, rule: ApprovalRule | None, asked: dict[str, Any], denied: Denied | None = None
) -> HttpResponse:
    allowed = may(viewer(request), Permission.MANAGE_APPROVAL_RULES, None)
    if isinstance(allowed, Denied):
        return _refused(request, allowed)
    context = {
        "rule": rule,
        "asked": asked,
        "expiries": OnExpiry.choices,
        "options": closures.options(),
        "problem": problem_of(denied, _("Nothing was kept")),
        "crumbs": _crumbs(rule.slug if rule else _("New rule")),
    }
    return render(request, "approval_rules/form.html", context, status=status_of(denied))


def _refused(request: HttpRequest, denied: Denied) -> HttpResponse:
    context = {"problem": problem_of(denied), "crumbs": _crumbs(_("Refused"))}
    return render(request, "approval_rules/refused.html", context, status=denied.status)


def _crumbs(last: str) -> list[tuple[str, str | None]]:
    return [(_("Governance"), "/governance/"), (_("Approval rules"), "/approval-rules/"), (last, None)]


def _rule(slug: str) -> ApprovalRule:
    found = ApprovalRule.objects.prefetch_related("steps").filter(slug=slug).first()
    if found is None:
        raise Http404("rule")
    return found


def _may_manage(request: HttpRequest) -> bool:
    return bool(may(viewer(request), Permission.MANAGE_APPROVAL_RULES, None))
