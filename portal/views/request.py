"""The request form with its live side panel. What is allowed is asked of provisioning; nothing is decided here."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from delivery.selectors import services_visible_to
from policies.models import Service
from policies.permissions import Permission, services_with
from policies.results import Denied, FieldError
from portal import loaders
from portal.forms import request as forms
from portal.forms.fields import attach
from portal.forms.request import RequestForm
from portal.presenters.limits import bars
from portal.shell import shell_of
from portal.views.pages import page, problem_of, viewer
from provisioning import preview as previews
from provisioning.actions.request import request_environment
from provisioning.models import Operation


def _services(request: HttpRequest) -> list[Service]:
    """Services the person may ask for; those of the team in focus first."""
    user, focus = viewer(request), shell_of(request).team
    may_ask = services_with(user, Permission.REQUEST).values("pk")
    rows = services_visible_to(user).filter(pk__in=may_ask).select_related("team").order_by("slug")
    return sorted(rows, key=lambda row: focus is None or row.team_id != focus.pk)


def _read(request: HttpRequest, slug: str) -> RequestForm:
    template = loaders.template(viewer(request), slug)
    if template.current is None or template.state == "retired":
        raise Http404("template")
    sent = request.POST if request.method == "POST" else request.GET
    return forms.read(template, template.current, _services(request), sent)


def _shown(form: RequestForm, checked: previews.Preview | None, denied: Denied | None = None) -> dict[str, Any]:
    rows = form.rows()
    errors = [*form.own_errors, *(checked.errors if checked else ()), *(denied.errors if denied is not None else ())]
    if form.is_filled:
        attach(rows, (replace(e, field="ttl_days") if e.field == "ttl_hours" else e for e in _once(errors)))
        attach(rows, (), _aliased(checked))
    wrong = [row for row in rows if row.errors]
    if denied is not None and not denied.errors:
        attach(rows, [FieldError(denied.field, denied.rule, denied.reason, denied.fix)])
    return {
        "form": form,
        "rows": rows,
        "checked": checked,
        "bars": bars(checked.quota) if checked else [],
        "blocked": form.is_filled and bool(errors or (checked and not checked.allowed)),
        "wrong": wrong,
        "problem": problem_of(denied) if denied is not None and not denied.errors else None,
        "crumbs": [
            ("Catalogue", "/catalogue/"),
            (form.version.name, f"/catalogue/{form.template.slug}/"),
            ("Request", None),
        ],
    }


def _once(errors: list[FieldError]) -> list[FieldError]:
    return list(dict.fromkeys(errors))


def _aliased(checked: previews.Preview | None) -> list[Any]:
    """Findings about the lifetime in hours belong under the field that asks for days."""
    if checked is None:
        return []
    return [replace(f, field="ttl_days") if f.field.endswith("ttl_hours") else f for f in checked.findings]


def _checked(request: HttpRequest, form: RequestForm) -> previews.Preview | None:
    wanted = form.wanted()
    return previews.preview(by=viewer(request), wanted=wanted) if wanted else None


@require_http_methods(["GET", "HEAD", "POST"])
def request_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; sending it asks for the environment."""
    form = _read(request, slug)
    if request.method != "POST":
        return page(request, "request/request.html", _shown(form, _checked(request, form)))
    answer = _own(form)
    if answer is None:
        answer = _asked(request, form)
    if isinstance(answer, Denied):
        shown = _shown(form, _checked(request, form), answer)
        return page(request, "request/request.html", shown, status=answer.status)
    return redirect("operation", pk=answer.pk)


def _asked(request: HttpRequest, form: RequestForm) -> Operation | Denied:
    """Ask, also for a service that the form does not offer: the action says why not, and it is recorded."""
    by, named = viewer(request), form.sent.get("service", "")
    service = form.service or services_visible_to(by).select_related("team").filter(slug=named).first()
    if service is None:
        return Denied("request.known", "service", _("There is none of this name that you may see."), status=422)
    return request_environment(by=by, wanted=form.wanted_for(service), key=form.key)


def _own(form: RequestForm) -> Operation | Denied | None:
    """What the form itself cannot read; None when all of it can be passed on."""
    errors = form.own_errors
    return Denied(errors[0].rule, errors[0].field, errors[0].message, status=422, errors=errors) if errors else None


@require_POST
def preview(request: HttpRequest, slug: str) -> HttpResponse:
    """What the request would meet: the side panel for htmx, the whole form without script. Writes nothing."""
    form = _read(request, slug)
    return page(request, "request/request.html", _shown(form, _checked(request, form)), part="request/live.html")
