"""What waits for a worker, in the order in which it is taken, and how the targets and pools are."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from observability.waiting import ordinal
from portal.presenters import operations as show
from portal.presenters import targets as show_targets
from portal.views.pages import page, viewer
from provisioning import presence, waiting
from provisioning.models import Operation
from provisioning.selectors import operations_visible_to, waiting_count

PER_PAGE = 50


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """One page of the line; of other teams' operations only the place is shown."""
    text = request.GET.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    places = waiting.line(skip=(number - 1) * PER_PAGE, most=PER_PAGE)
    seen = operations_visible_to(viewer(request)).filter(pk__in=[pk for pk, _, _ in places])
    known = {row.pk: row for row in seen.select_related("environment", "team", "target")}
    total = waiting_count()
    context = {
        "rows": [_row(known.get(pk), place) for pk, place, _ in places],
        "total": total,
        "number": number,
        "more": total > number * PER_PAGE,
        "breakers": show_targets.troubled(),
        "pools": show_targets.pools(presence.pools()),
        "crumbs": [("Queue", None)],
    }
    return page(request, "queue/page.html", context, part="queue/table.html")


def _row(found: Operation | None, place: int) -> dict[str, Any]:
    title = show.title(found) if found is not None else ""
    return {"operation": found, "title": title, "place": ordinal(place)}
