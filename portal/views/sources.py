"""The Git repositories the catalogue comes from: connect one, read it again, see why a sync changed nothing."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog import actions, selectors
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.views.pages import status_of, viewer


@require_http_methods(["GET", "HEAD", "POST"])
def sources(request: HttpRequest) -> HttpResponse:
    """Every source with how its last sync went; POST connects one."""
    if request.method != "POST":
        return _page(request)
    asked = {name: request.POST.get(name, "").strip() for name in ("slug", "url", "ref")}
    by = viewer(request)
    answer = actions.register_source(by=by, slug=asked["slug"], url=asked["url"], ref=asked["ref"] or "main")
    if isinstance(answer, Denied):
        return _page(request, denied=answer, asked=asked)
    messages.success(request, _("%(slug)s is connected and is read within half a minute.") % {"slug": answer.slug})
    return redirect("sources")


def _page(
    request: HttpRequest, *, denied: Denied | None = None, asked: Mapping[str, str] | None = None
) -> HttpResponse:
    context = {
        "sources": selectors.sources(),
        "denied": denied,
        "asked": asked or {},
        "may_publish": bool(may(viewer(request), Permission.PUBLISH_TEMPLATE, None)),
        "crumbs": [("Catalogue", "/catalogue/"), ("Sources", None)],
    }
    status = status_of(denied)
    return render(request, "catalogue/sources.html", context, status=status)


@require_POST
def source_sync(request: HttpRequest, slug: str) -> HttpResponse:
    """Have it read again."""
    found = loaders.source(viewer(request), slug)
    answer = actions.ask_sync(by=viewer(request), source=found)
    if isinstance(answer, Denied):
        return _page(request, denied=answer)
    messages.success(request, _("%(slug)s is read within half a minute.") % {"slug": found.slug})
    return redirect("sources")
