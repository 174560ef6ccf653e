"""Windows: the list, one with its form and its next occurrences, and putting one out of force."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies import windowing, windows
from policies.models import Window
from policies.permissions import Permission, may
from policies.recurrence import Span
from policies.results import Denied, wrong_fields
from portal import loaders
from portal.forms import windows as forms
from portal.forms.windows import WindowForm
from portal.presenters import windows as show
from portal.views.pages import page, problem_of, status_of, viewer
from provisioning import closures

PAGE = 25
HOME = (lazy("Windows"), "/windows/")


@require_safe
def window_list(request: HttpRequest) -> HttpResponse:
    """Every window that the viewer lives under, with when it lasts next."""
    user, now = viewer(request), timezone.now()
    at = Paginator(windows.visible_to(user), PAGE).get_page(request.GET.get("page"))
    found = list(at.object_list)
    context = {
        "page": at,
        "rows": show.rows(found, windows.next_of(found, now), now),
        "chips": show.chips("windows"),
        "may_manage": bool(may(user, Permission.MANAGE_WINDOWS, None)),
        "crumbs": [(_("Governance"), "/governance/"), (_("Windows"), None)],
    }
    return page(request, "windows/list.html", context, part="windows/table.html")


@require_http_methods(["GET", "HEAD", "POST"])
def window_new(request: HttpRequest) -> HttpResponse:
    """The form of a new window; it shows the next five occurrences, and saves."""
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def window(request: HttpRequest, pk: int) -> HttpResponse:
    """One window: when it lasts next, what it holds, and its form."""
    return _form(request, loaders.window(viewer(request), pk))


@require_POST
def window_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Put it out of force at once."""
    found, reason = loaders.window(viewer(request), pk), request.POST.get("reason", "")[:200]
    answer = windowing.retire(by=viewer(request), window=found, reason=reason)
    if isinstance(answer, Denied):
        form = forms.read(viewer(request), request.GET, found, closures.options())
        return _shown(request, found, form, denied=answer)
    messages.success(request, _("%(window)s is out of force.") % {"window": found})
    return redirect("windows")


def _form(request: HttpRequest, found: Window | None) -> HttpResponse:
    user, options = viewer(request), closures.options()
    form = forms.read(user, request.POST, found, options)
    if request.method != "POST":
        return _shown(request, found, form)
    if form.errors:
        return _shown(request, found, form, denied=wrong_fields(form.errors))
    answer: Window | Denied | list[Span]
    if form.only_shows:
        answer = windowing.preview(by=user, wanted=form.wanted(), options=options)
    else:
        answer = windowing.save(by=user, wanted=form.wanted(), options=options, window=found)
    if isinstance(answer, Denied):
        return _shown(request, found, form, denied=answer)
    if isinstance(answer, Window):
        messages.success(request, _("%(window)s is kept.") % {"window": answer})
        return redirect("window", pk=answer.pk)
    return _shown(request, found, form, spans=answer)


def _shown(
    request: HttpRequest,
    found: Window | None,
    form: WindowForm,
    *,
    denied: Denied | None = None,
    spans: list[Span] | None = None,
) -> HttpResponse:
    user, now, options = viewer(request), timezone.now(), closures.options()
    stand = windowing.next_five(found, now) if found is not None and spans is None else []
    # What was sent is a zone only where it was asked when the window would last.
    zone = found.time_zone if found is not None and spans is None else form.values["time_zone"]
    context: dict[str, Any] = {
        "window": found,
        "form": form,
        "spans": show.spans(spans if spans is not None else stand, zone),
        "zone": zone,
        "asked": spans is not None,
        "pill": show.pill(found, stand[0] if stand else None, now) if found is not None and spans is None else None,
        "scope": show.scope(found) if found is not None else "",
        "options": options,
        "problem": problem_of(denied),
        "errors": denied.errors if denied is not None else (),
        "chips": show.chips("windows"),
        "may_manage": bool(may(user, Permission.MANAGE_WINDOWS, None)),
        "crumbs": [HOME, (found.name if found else _("New window"), None)],
    }
    return page(request, "windows/one.html", context, status=status_of(denied))
