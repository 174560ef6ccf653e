"""Live events over SSE: order, resuming, escaping, ends, and no connection held between looks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient

from audit.context import context
from policies.models import Membership
from portal.views import streams
from provisioning.models import Operation, OperationLog
from tests.people import Demo
from tests.portal.visits import signed_in
from tests.provisioning import engine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.02)


def cookies(demo: Demo, who: str = "mara") -> Any:
    return signed_in(getattr(demo, who)).cookies


def finished(demo: Demo) -> Operation:
    operation = engine.requested(demo)
    engine.drain()
    return operation


async def opened(jar: Any, operation: Operation, **options: Any) -> Any:
    client = AsyncClient()
    client.cookies = jar
    return await client.get(f"/streams/operations/{operation.pk}/", **options)


async def until(body: AsyncIterator[bytes], word: str, seconds: float = 5.0) -> str:
    """Everything up to the message that holds `word`."""
    text = ""

    async def read() -> str:
        nonlocal text
        async for part in body:
            text += part.decode()
            if word in text:
                break
        return text

    return await asyncio.wait_for(read(), seconds)


async def whole(jar: Any, operation: Operation, **options: Any) -> str:
    answer = await opened(jar, operation, **options)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    return await until(aiter(answer.streaming_content), "\n\nevent: end")


def test_a_finished_operation_sends_its_log_its_steps_and_the_end(demo: Demo) -> None:
    operation, jar = finished(demo), cookies(demo)
    text = asyncio.run(whole(jar, operation))
    first = OperationLog.objects.filter(operation=operation).first()
    assert first
    assert text.startswith("retry: 2000\n\n")
    assert f"id: {first.pk}\nevent: log\n" in text
    assert text.endswith("event: end\ndata: succeeded\n\n")


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_reader_goes_on_after_its_last_line(demo: Demo, how: str) -> None:
    operation, jar = finished(demo), cookies(demo)
    lines = list(OperationLog.objects.filter(operation=operation).values_list("pk", flat=True))
    last = OperationLog.objects.create(operation=operation, line="the last one")
    options = (
        {"headers": {"Last-Event-ID": str(lines[-1])}} if how == "header" else {"query_params": {"after": lines[-1]}}
    )
    text = asyncio.run(whole(jar, operation, **options))
    assert text.count("event: log\n") == 1
    assert f"id: {last.pk}\n" in text
    assert "the last one" in text


def test_a_log_line_cannot_forge_an_event_or_markup(demo: Demo) -> None:
    operation, jar = finished(demo), cookies(demo)
    OperationLog.objects.create(operation=operation, line="a\nevent: end\rdata: x\n\n<img src=x>")
    text = asyncio.run(whole(jar, operation))
    assert text.count("\n\nevent: ") == 2
    assert text.endswith("\n\nevent: end\ndata: succeeded\n\n")
    assert "&lt;img src=x&gt;" in text


def test_news_of_a_running_operation_arrive_while_it_runs(demo: Demo) -> None:
    operation, jar = engine.requested(demo), cookies(demo)

    async def watch() -> str:
        answer = await opened(jar, operation)
        body = aiter(answer.streaming_content)
        before = await until(body, "event: status")
        await sync_to_async(streams._released)(engine.drain)
        return before + await until(body, "event: end")

    text = asyncio.run(watch())
    assert "event: status\ndata: requested\n" in text
    assert text.index("event: log\n") > text.index("data: requested")
    assert text.endswith("data: succeeded\n\n")


def test_a_step_that_moves_on_is_sent_alone_and_new_ones_come_with_the_status(demo: Demo) -> None:
    operation = finished(demo)
    step = operation.steps.get()
    reader = streams.Reader(demo.mara, operation.pk, "", 0)
    assert not any("event: step" in message for message in streams.news(reader))
    reader.steps = {step.pk: "running"}
    (sent,) = [message for message in streams.news(reader) if "event: step" in message]
    assert sent.startswith(f"event: step-{step.pk}\n")
    assert f'id="step-{step.pk}"' in sent


def test_a_step_is_said_to_its_own_row_so_a_page_without_the_row_hears_nothing(demo: Demo) -> None:
    operation = finished(demo)
    step = operation.steps.get()
    reader = streams.Reader(demo.mara, operation.pk, "", 0, steps={step.pk: "running"})
    (sent,) = [message for message in streams.news(reader) if "event: step" in message]
    assert f'sse-swap="step-{step.pk}" hx-swap="outerHTML"' in sent
    assert "hx-swap-oob" not in sent
    page = signed_in(demo.mara).get(f"/operations/{operation.pk}/").content.decode()
    assert f'id="step-{step.pk}" sse-swap="step-{step.pk}" hx-swap="outerHTML"' in page


def test_no_connection_is_held_between_two_looks(demo: Demo) -> None:
    operation, jar = engine.requested(demo), cookies(demo)

    async def watch() -> tuple[list[str], list[str]]:
        before = await asyncio.to_thread(others)
        answer = await opened(jar, operation)
        body = aiter(answer.streaming_content)
        await until(body, "event: status")
        return before, await asyncio.to_thread(others)

    before, between = asyncio.run(watch())
    assert set(between) <= set(before)


def others() -> list[str]:
    """What the app's other connections to this database last asked, beside the one that looks."""
    with psycopg.connect(**connection.get_connection_params()) as own:
        rows = own.execute(
            "SELECT pid || ' ' || left(query, 80) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = current_user AND pid <> pg_backend_pid() ORDER BY pid"
        ).fetchall()
        return [str(row[0]) for row in rows]


def test_an_outsider_finds_no_stream(demo: Demo) -> None:
    operation, jar = engine.requested(demo), cookies(demo, "olaf")
    assert asyncio.run(opened(jar, operation)).status_code == 404


def test_nobody_signed_in_is_answered_401(demo: Demo) -> None:
    operation = engine.requested(demo)
    assert asyncio.run(opened(AsyncClient().cookies, operation)).status_code == 401


@pytest.mark.parametrize("lost", ["membership", "session"])
def test_a_reader_who_lost_the_right_is_sent_off(demo: Demo, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation, client = engine.requested(demo), signed_in(demo.mara)
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.0)
    reader = streams.Reader(demo.mara, operation.pk, client.session.session_key or "", 0)
    assert streams.still_allowed(reader)
    if lost == "session":
        client.session.flush()
    else:
        with context(by="system:test"):
            Membership.objects.filter(user=demo.mara).delete()
    text = asyncio.run(whole_of(reader))
    assert text.endswith("event: end\ndata: gone\n\n")
    assert "event: log" not in text


async def whole_of(reader: streams.Reader) -> str:
    return "".join([message async for message in streams._events(reader)])


def test_a_stream_ends_after_its_longest_life_so_that_the_browser_comes_back(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, client = engine.requested(demo), signed_in(demo.mara)
    monkeypatch.setattr(streams, "LIFE_SECONDS", 1.5)
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.03)
    reader = streams.Reader(demo.mara, operation.pk, client.session.session_key or "", 0)
    text = asyncio.run(whole_of(reader))
    assert "event: end" not in text
    assert ": still here\n\n" in text
