"""Reads of the history: what a viewer may see, filters, paging and diffs. Nothing here writes."""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from audit.models import AuditEvent


class BadCursorError(ValueError):
    """The cursor was not made by `page`."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a viewer asked for; empty means any. `event` may end in `*`; `until` is exclusive."""

    actor: str = ""
    event: str = ""
    object: str = ""
    source: str = ""
    text: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first; `next` is the cursor of the following page or empty."""

    rows: list[AuditEvent]
    next: str


def visible(scopes: Collection[str] | None) -> QuerySet[AuditEvent]:
    """Return the history of these scopes (as `team:4`); None is everything, for auditors."""
    events = AuditEvent.objects.all()
    return events if scopes is None else events.filter(scope__in=list(scopes))


def filtered(events: QuerySet[AuditEvent], filters: Filters) -> QuerySet[AuditEvent]:
    """Narrow the events to those the filters name."""
    exact = {
        "actor": filters.actor,
        "object": filters.object,
        "source": filters.source,
        "request_id": filters.request_id,
        "at__gte": filters.since,
        "at__lt": filters.until,
    }
    events = events.filter(**{name: value for name, value in exact.items() if value})
    if filters.event.endswith("*"):
        events = events.filter(event__startswith=filters.event[:-1])
    elif filters.event:
        events = events.filter(event=filters.event)
    return events.filter(_mentions(filters.text)) if filters.text else events


def page(events: QuerySet[AuditEvent], *, after: str = "", size: int = 50) -> Page:
    """Return the `size` events that follow the cursor `after`, newest first; BadCursorError if it is none."""
    if after:
        at, pk = _decoded(after)
        events = events.filter(at__lte=at).filter(Q(at__lt=at) | Q(id__lt=pk))
    rows = list(events.order_by("-at", "-id")[: size + 1])
    shown = rows[:size]
    return Page(rows=shown, next=_encoded(shown[-1]) if len(rows) > size else "")


def counts_per_day(events: QuerySet[AuditEvent]) -> list[tuple[date, int]]:
    """Return (day in UTC, number of events) for the days that have any, oldest first."""
    days = events.order_by().annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day")
    return [(day, count) for day, count in days.annotate(count=Count("id")).order_by("day")]


def _mentions(text: str) -> Q:
    fields = ("event", "object", "actor", "actor_label", "reason")
    anywhere = Q()
    for name in fields:
        anywhere |= Q(**{f"{name}__icontains": text})
    return anywhere


def _encoded(event: AuditEvent) -> str:
    raw = f"{event.at.astimezone(UTC).isoformat()}|{event.id}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, int]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, pk = raw.partition("|")
        moment, number = datetime.fromisoformat(at), int(pk)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadCursorError("this page link is not valid") from error
    if moment.tzinfo is None or not 0 <= number < 2**63:
        raise BadCursorError("this page link is not valid")
    return moment, number
