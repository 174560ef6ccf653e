"""Rules without code: a form, its Rego to look at, and then a part of the next draft."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import Template
from policies.bundles import forms
from policies.bundles.forms import Form
from policies.permissions import Permission, may, teams_with
from policies.results import Denied, wrong_fields
from portal import loaders
from portal.presenters import policies as show
from portal.presenters.refusals import field_errors
from portal.views.pages import problem_of, status_of, viewer
from provisioning.tiers import Tier

TEXTS = ("slug", "kind", "title", "parameter", "severity", "who")


@require_http_methods(["GET", "HEAD", "POST"])
def policy_rule_new(request: HttpRequest) -> HttpResponse:
    """The form; POST shows the Rego, and with `keep` adds the rule to the next draft."""
    slug, form = _asked(request)
    if request.method != "POST":
        return _page(request, slug, form)
    wrong = forms.problems(slug, form)
    if wrong:
        return _page(request, slug, form, denied=wrong_fields(wrong))
    if "keep" not in request.POST:
        return _page(request, slug, form, files=forms.files(slug, form))
    made = forms.add(by=viewer(request), slug=slug, form=form)
    if isinstance(made, Denied):
        return _page(request, slug, form, denied=made)
    messages.success(request, _("%(slug)s is part of the next draft. Nothing is in force yet.") % {"slug": made.slug})
    return redirect("policy_bundles")


@require_POST
def policy_rule_remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Leave a filled-in rule out of the next draft."""
    found = loaders.form_rule(viewer(request), slug)
    answer = forms.remove(by=viewer(request), rule=found)
    if isinstance(answer, Denied):
        return _page(request, "", _asked(request)[1], denied=answer)
    messages.success(request, _("%(slug)s is left out of the next draft.") % {"slug": slug})
    return redirect("policy_bundles")


def _asked(request: HttpRequest) -> tuple[str, Form]:
    said = {name: request.POST.get(name, "").strip() for name in TEXTS}
    lines = [line.strip() for line in request.POST.get("values", "").splitlines()]
    return said["slug"], Form(
        kind=said["kind"] or "allowed",
        title=said["title"],
        values=tuple(line for line in lines if line),
        parameter=said["parameter"],
        severity=said["severity"] or "block",
        tiers=tuple(request.POST.getlist("tiers")),
        teams=tuple(request.POST.getlist("teams")),
        templates=tuple(request.POST.getlist("templates")),
        who=said["who"] or "The platform team",
    )


def _page(
    request: HttpRequest,
    slug: str,
    form: Form,
    *,
    files: list[tuple[str, str]] | None = None,
    denied: Denied | None = None,
) -> HttpResponse:
    context = {
        "slug": slug,
        "form": form,
        "files": files,
        "says": field_errors(denied),
        "problem": problem_of(denied, _("Not added")) if denied is not None and not denied.errors else None,
        "kinds": [
            ("allowed", _("Allowed values of a parameter (size, region, …)")),
            ("maximum", _("Maximum of a number")),
            ("minimum", _("Minimum of a number")),
            ("tags", _("Tags or labels that every resource must have")),
        ],
        "tiers": Tier.values,
        "waivers": forms.WAIVERS,
        "teams": teams_with(viewer(request), Permission.VIEW).order_by("slug"),
        "templates": Template.objects.order_by("slug"),
        "may_manage": bool(may(viewer(request), Permission.MANAGE_POLICIES, None)),
        "chips": show.chips(request.path),
        "crumbs": [(_("Governance"), "/governance/"), (_("Policies"), "/policies/"), (_("Rule without code"), None)],
    }
    return render(request, "policies/form.html", context, status=status_of(denied))
