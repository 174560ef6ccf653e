"""The list of environments, and one environment by tab."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal import loaders
from portal.shell import shell_of
from portal.views import environment_tabs
from portal.views.environment_filter import Filter
from portal.views.environment_frame import frame
from portal.views.pages import page, viewer
from portal.views.rows import environment_rows
from provisioning.selectors import environments_visible_to

PAGE = 25


@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """Environments the viewer may see, filtered, sorted and paged on the server; all of it in the address."""
    user, now = viewer(request), timezone.now()
    wanted = Filter.read(request.GET)
    rows = wanted.applied(environments_visible_to(user), user, now)
    shown = Paginator(rows.select_related("service", "team", "owner", "template_version__template"), PAGE)
    at = shown.get_page(request.GET.get("page"))
    context = {
        "page": at,
        "rows": environment_rows(at.object_list, now),
        "filter": wanted,
        "selects": wanted.selects(shell_of(request).teams),
        "chips": wanted.chips(request),
        "crumbs": [("Environments", None)],
    }
    return page(request, "environments/list.html", context, part="environments/table.html")


@require_safe
def environment(request: HttpRequest, pk: UUID, tab: str = "overview") -> HttpResponse:
    """One environment."""
    found = loaders.environment(viewer(request), pk)
    if tab not in environment_tabs.TABS:
        raise Http404("tab")
    return render_environment(request, found, tab)


def render_environment(request: HttpRequest, found: Any, tab: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of an environment at one of its tabs; used again by what people ask of it."""
    context = frame(viewer(request), found, tab) | environment_tabs.TABS[tab](request, found) | more
    return page(request, f"environments/{tab}.html", context, status=status)
