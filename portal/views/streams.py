"""Live events of one operation over SSE. Between two looks at the database no connection is held."""

import asyncio
import time
import zoneinfo
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import auth
from django.db import connection
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from observability import usual
from observability.waiting import place_in_queue
from policies.models import User
from portal import loaders
from portal.impersonation import eyes
from portal.presenters import operations as show
from portal.views.operations import after_of
from portal.views.pages import viewer
from provisioning import states
from provisioning.models import Operation, OperationStep
from provisioning.waiting import WAITS

POLL_SECONDS = 0.4
HEARTBEAT_SECONDS = 10.0
RECHECK_SECONDS = 15.0
LIFE_SECONDS = 600.0
STEP_SECONDS = 2.0
QUEUE_SECONDS = 2.0
MOST_LINES = 500
RETRY = "retry: 2000\n\n"


@dataclass
class Reader:
    """One open stream: who reads, and what has been sent."""

    user: User
    operation: UUID
    session: str
    after: int
    state: tuple[object, ...] = ()
    steps: dict[int, str] = field(default_factory=dict)
    steps_at: float = 0.0
    queue: dict[str, Any] | None = None
    queue_at: float = 0.0
    ended: bool = False


@require_GET
async def operation_stream(request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
    """Events `log` (resumable by id), `step-<id>`, `queue`, `status` and `end`.

    A row and the box listen for their own event, so nothing is said to a page that does not show them yet.
    """
    reader = await _off_loop(_opened, request, pk)
    # Signing in was checked in the request's own thread, whose connection would stay open as long as the stream.
    await sync_to_async(_close)()
    response = StreamingHttpResponse(_events(reader), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _close() -> None:
    """Of the thread that runs it."""
    connection.close()


async def _off_loop(work: Any, *args: Any) -> Any:
    return await sync_to_async(_released, thread_sensitive=False)(work, *args)


def _released(work: Any, *args: Any) -> Any:
    """Do it and give the thread's connection back."""
    try:
        return work(*args)
    finally:
        connection.close()


def _opened(request: HttpRequest, pk: UUID) -> Reader:
    user = viewer(request)
    found = loaders.operation(user, pk)
    return Reader(user, found.pk, request.session.session_key or "", after_of(request))


async def _events(reader: Reader) -> AsyncIterator[str]:
    """Look, send, wait; end with the operation, with the right to see it, or after ten minutes."""
    began = spoke = checked = time.monotonic()
    yield RETRY
    while time.monotonic() - began < LIFE_SECONDS:
        if time.monotonic() - checked >= RECHECK_SECONDS:
            checked = time.monotonic()
            if not await _off_loop(still_allowed, reader):
                yield event("end", "gone")
                return
        for message in await _off_loop(news, reader):
            spoke = time.monotonic()
            yield message
        if reader.ended:
            return
        if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


def still_allowed(reader: Reader) -> bool:
    """Is the session alive, and may its person still see the operation?"""
    store = import_module(settings.SESSION_ENGINE).SessionStore(reader.session)
    request = HttpRequest()
    request.session = store
    user = auth.get_user(request)
    seen_by = eyes(store, user) if isinstance(user, User) else None
    if seen_by is None or seen_by.pk != reader.user.pk:
        return False
    try:
        loaders.operation(seen_by, reader.operation)
    except Http404:
        return False
    return True


def news(reader: Reader) -> list[str]:
    """Everything since the last look, as messages."""
    found = Operation.objects.filter(pk=reader.operation).first()
    if found is None:
        reader.ended = True
        return [event("end", "gone")]
    with timezone.override(zoneinfo.ZoneInfo(reader.user.time_zone)):
        rows = list(found.steps.all())
        messages = _logs(reader, found) + _steps(reader, rows) + _queue(reader, found)
    state = (found.status, found.blocked, found.cancel_requested_at, found.change_digest, len(rows))
    if state != reader.state:
        messages.append(event("status", found.status))
        reader.state = state
    if found.status in states.TERMINAL:
        reader.ended = True
        messages.append(event("end", found.status))
    return messages


def _logs(reader: Reader, found: Operation) -> list[str]:
    rows = list(found.log.filter(pk__gt=reader.after)[:MOST_LINES])
    if rows:
        reader.after = rows[-1].pk
    lines = zip(rows, show.log_lines(rows), strict=True)
    return [event("log", _html("components/log_line.html", line=line), key=row.pk) for row, line in lines]


def _steps(reader: Reader, rows: list[OperationStep]) -> list[str]:
    """Steps whose state changed, and every two seconds the one that runs; new ones come with the status."""
    beat = time.monotonic() - reader.steps_at >= STEP_SECONDS
    known, reader.steps = reader.steps, {row.pk: row.status for row in rows}
    moved = [row for row in rows if known.get(row.pk, row.status) != row.status]
    changed = moved + [row for row in rows if beat and row.pk in known and row.status == "running"]
    if not changed:
        return []
    reader.steps_at = time.monotonic()
    shown = show.steps(rows, usual.step_seconds([row.name for row in rows]), now=timezone.now())
    ids = {row.pk for row in changed}
    return [event(f"step-{s['id']}", _html("components/step.html", step=s)) for s in shown if s["id"] in ids]


def _queue(reader: Reader, found: Operation) -> list[str]:
    """Its place while it waits, looked up every two seconds and sent when it moved."""
    if found.status not in WAITS or time.monotonic() - reader.queue_at < QUEUE_SECONDS:
        return []
    reader.queue_at = time.monotonic()
    known, reader.queue = reader.queue, show.queue(place_in_queue(found))
    if known is None or reader.queue is None or known == reader.queue:
        return []
    return [event("queue", _html("components/queue_box.html", queue=reader.queue))]


def _html(template: str, **context: Any) -> str:
    return render_to_string(template, context)


def event(name: str, data: str, *, key: int | None = None) -> str:
    """One message; each line of the data gets its own field, so nothing in it can forge another event."""
    head = f"id: {key}\n" if key is not None else ""
    body = "".join(f"data: {line}\n" for line in data.replace("\r", "\n").split("\n"))
    return f"{head}event: {name}\n{body}\n"
