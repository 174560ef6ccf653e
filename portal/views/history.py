"""The history: search, one event with its two sides, and exports of the viewer's own selection."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from audit import export
from audit.context import context
from audit.models import AuditEvent
from audit.record import record
from audit.selectors import BadCursorError, Filters, counts_per_day, filtered, page, visible
from policies.models import User
from policies.permissions import Permission, may, teams_with
from policies.results import Denied
from portal import loaders
from portal.presenters import events as show
from portal.presenters import history as chart
from portal.presenters import refusals
from portal.views.pages import viewer
from provisioning.models import Operation
from provisioning.selectors import environments_visible_to

SIZE = 50
CHART_DAYS = 60
FIELDS = ("who", "what", "object", "q", "since", "until", "source")


@dataclass(frozen=True)
class Asked:
    """The filter as it stands in the URL; only fields that say something."""

    values: dict[str, str]

    @classmethod
    def of(cls, request: HttpRequest) -> "Asked":
        found = {name: request.GET.get(name, "").strip()[:200] for name in FIELDS}
        return cls({name: value.replace("\x00", "") for name, value in found.items() if value})

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def query(self) -> str:
        return urlencode(self.values)


@require_safe
@vary_on_headers("HX-Request")
def history(request: HttpRequest) -> HttpResponse:
    """A page of events, newest first, with one of them open beside."""
    asked, part = Asked.of(request), "list" if request.headers.get("HX-Request") else "page"
    chosen = request.GET.get("event", "")
    found = _context(viewer(request), asked, request.GET.get("after", ""))
    if chosen.isascii() and chosen.isdigit():
        event = loaders.history(viewer(request)).filter(pk=min(int(chosen), 2**63 - 1)).first()
        found |= _one(viewer(request), event) if event else {}
    return render(request, f"history/{part}.html", found)


def _context(user: User, asked: Asked, after: str) -> dict[str, Any]:
    scopes = loaders.history_scopes(user)
    events = selection(visible(scopes), user, asked)
    try:
        shown = page(events, after=after, size=SIZE)
        problem = None
    except BadCursorError as error:
        shown, problem = page(events, size=SIZE), str(error)
    names = names_for(user, shown.rows)
    days = events if asked.get("since") else events.filter(at__gte=timezone.now() - timedelta(days=CHART_DAYS))
    return {
        "crumbs": [(_("History"), None)],
        "asked": asked,
        "rows": show.rows(shown.rows, names),
        "next": shown.next,
        "first": not after,
        "bad_cursor": problem,
        "chart": chart.per_day(counts_per_day(days), timezone.now().date(), CHART_DAYS),
        "events": show.known_events(),
        "often": chart.often(),
        "everything": scopes is None,
        "nothing": scopes == set(),
    }


def selection(events: QuerySet[AuditEvent], user: User, asked: Asked) -> QuerySet[AuditEvent]:
    """The events that the filter names."""
    filters = Filters(
        event=asked.get("what"),
        source=asked.get("source"),
        text=asked.get("q"),
        since=_moment(asked.get("since"), 0),
        until=_moment(asked.get("until"), 1),
    )
    events = filtered(events, filters)
    if asked.get("who"):
        events = events.filter(Q(actor=asked.get("who")) | Q(actor_label__icontains=asked.get("who")))
    return events.filter(_about(user, asked.get("object"))) if asked.get("object") else events


def _about(user: User, name: str) -> Q:
    """Events of an object: by its reference, or by an environment's name with all its operations."""
    about = Q(object=name)
    rows = list(environments_visible_to(user).filter(name=name)[:20])
    for row in rows:
        about |= Q(object=row.ref) | Q(data__environment=str(row.pk)) | Q(data__name=name)
    keys = Operation.objects.filter(environment__in=rows).order_by("-created_at").values_list("pk", flat=True)
    return about | Q(object__in=[f"operation:{key}" for key in keys[:500]])


def _moment(text: str, later: int) -> datetime | None:
    """The start of that day in the viewer's zone; `later` days on, because an end date is included."""
    try:
        day: date | None = parse_date(text)
    except ValueError:
        return None
    if day is None or not 1970 <= day.year < 9000:
        return None
    start = datetime.combine(day + timedelta(days=later), time.min, tzinfo=timezone.get_current_timezone())
    return start.astimezone(UTC)


def names_for(user: User, events: list[AuditEvent]) -> dict[str, str]:
    """The names behind references in one query, since each environment has its creation."""
    refs = {event.object for event in events} | {event.operation for event in events}
    refs |= {f"environment:{(event.data or {}).get('environment', '')}" for event in events}
    keys: dict[str, list[str]] = {"environment": [], "operation": []}
    for ref in refs:
        prefix, _colon, key = ref.partition(":")
        if prefix in keys and len(key) == 36:
            keys[prefix].append(key)
    wanted = Q(pk__in=keys["operation"]) | Q(environment__in=keys["environment"], kind="create")
    rows = Operation.objects.filter(wanted, team__in=teams_with(user, Permission.VIEW)).select_related("environment")
    names: dict[str, str] = {}
    for row in rows:
        names[row.ref] = f"{row.kind} {row.environment.name}"
        names[row.environment.ref] = row.environment.name
    return names


@require_safe
def history_event(request: HttpRequest, id: int) -> HttpResponse:
    """One event at its permanent address; `?format=json` for machines."""
    event = loaders.history(viewer(request)).filter(pk=min(id, 2**63 - 1)).first()
    if event is None:
        raise Http404("event")
    if request.GET.get("format") == "json":
        return JsonResponse(show.as_json(event))
    crumbs = [(_("History"), reverse("history")), (f"#{event.pk}", None)]
    return render(request, "history/event_page.html", {"crumbs": crumbs} | _one(viewer(request), event))


def _one(user: User, event: AuditEvent) -> dict[str, Any]:
    names = names_for(user, [event])
    return {
        "event": event,
        "said": show.sentence(event, names),
        "facts": show.facts(event, names),
        "sides": show.sides(event),
    }


@require_safe
def history_export(request: HttpRequest, format: str) -> HttpResponseBase:
    """Stream the viewer's own selection as CSV or JSON Lines; that it was taken is recorded first."""
    user, asked = viewer(request), Asked.of(request)
    if format not in {"csv", "jsonl"}:
        raise Http404(format)
    scopes = _export_scopes(user)
    if scopes == set():
        denied = may(user, Permission.EXPORT_HISTORY, None)
        return _refused(request, denied) if isinstance(denied, Denied) else HttpResponse(status=403)
    with context(by=user):
        record("history.exported", object=user.audit_ref, data={"format": format, "filter": asked.values})
    events = selection(visible(scopes), user, asked)
    write = export.csv if format == "csv" else export.json_lines
    return _stream(write(events), format)


def _export_scopes(user: User) -> set[str] | None:
    """The scopes that the viewer may take away; None is everything."""
    if may(user, Permission.EXPORT_HISTORY, None):
        return None
    return {f"team:{pk}" for pk in teams_with(user, Permission.EXPORT_HISTORY).values_list("pk", flat=True)}


def _refused(request: HttpRequest, denied: Denied) -> HttpResponse:
    found = _context(viewer(request), Asked.of(request), "")
    found |= {"problem": refusals.problem(denied, title=_("Not exported"))}
    return render(request, "history/page.html", found, status=denied.status)


def _stream(chunks: Iterator[bytes], format: str) -> StreamingHttpResponse:
    kind = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    response = StreamingHttpResponse(chunks, content_type=kind)
    name = f"berth-history-{timezone.now():%Y%m%d-%H%M%S}.{format}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
