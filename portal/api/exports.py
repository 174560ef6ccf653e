"""Hands out the history: who may, that it was done, and the stream itself."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from audit import export as copies
from audit.context import context
from audit.record import record
from audit.selectors import Filters, filtered, visible
from policies.models import User
from policies.permissions import Permission, may, teams_with
from policies.results import Denied

TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@dataclass(frozen=True)
class Export:
    """A file on its way."""

    name: str
    content_type: str
    chunks: Iterator[bytes]


def export(*, by: User, form: str, filters: Filters) -> Export | Denied:
    """The person's own selection as a stream. That it was taken is itself recorded."""
    scopes = _scopes(by)
    if isinstance(scopes, Denied):
        return scopes
    named: dict[str, Any] = {name: str(value) for name, value in asdict(filters).items() if value}
    with context(by=by):
        record("history.exported", object=by.audit_ref, data={"format": form, "filters": named})
    events = filtered(visible(scopes), filters)
    stream = copies.csv(events) if form == "csv" else copies.json_lines(events)
    name = f"history-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    return Export(name, TYPES[form], stream)


def _scopes(by: User) -> set[str] | Denied | None:
    everything = may(by, Permission.EXPORT_HISTORY, None)
    if not isinstance(everything, Denied):
        return None
    teams = {f"team:{pk}" for pk in teams_with(by, Permission.EXPORT_HISTORY).values_list("pk", flat=True)}
    return teams or everything


def next_address(request: Request, cursor: str) -> str | None:
    """The address of the following page, or None."""
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor) if cursor else None
