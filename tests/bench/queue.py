"""The queue with 600 operations waiting and 10,000 ended: a claim, the pages that show a place, a log line's way.

`claim_latency_ms_600_queued` is one claim with its commit. `queue_page_ms_600_queued` is server time of the queue page
and of the page of an operation that waits. `log_line_to_browser_ms` runs from the append of a line by a worker to its
arrival at a reader of the stream, through the ASGI server that people use.
"""

import random
import threading
import time
from typing import Any

import httpx
import psycopg
from django.conf import settings
from django.test import Client
from django.urls import reverse

from audit.context import context
from provisioning import lifecycle
from provisioning.models import Operation
from provisioning.runs.log import StepLog
from tests.bench import rows
from tests.bench.figures import MS, scaled, spread, timed
from tests.bench.world import World, process, wait_until
from tests.people import Demo
from tests.processes import free_port, is_alive

QUEUED, ENDED, CLAIMS, PAGES, LINES = 600, 10_000, 60, 60, 60
PREFIX = "bench-line"


def run(world: World, demo: Demo) -> dict[str, Any]:
    """All figures of the queue."""
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        rows.environments(owner, demo, PREFIX, range(0, scaled(QUEUED + CLAIMS)))
        rows.operations(owner, demo, PREFIX, "succeeded", scaled(ENDED))
        rows.operations(owner, demo, PREFIX, "queued", scaled(QUEUED + CLAIMS))
        owner.execute("ANALYZE")
    claims = timed(_claimed, scaled(CLAIMS))
    pages = _pages(demo)
    lines = _lines(world, demo)
    with context(by="system:bench"):
        Operation.objects.filter(status="queued").update(status="cancelled")
    return {
        "claim_latency_ms_600_queued": spread([s * MS for s in claims], digits=2),
        "queue_page_ms_600_queued": spread([s * MS for s in pages], digits=2),
        "log_line_to_browser_ms": spread([s * MS for s in lines], digits=1),
    }


def _claimed() -> None:
    with context(by="worker:bench"):
        assert lifecycle.claim(holder="bench") is not None


def _pages(demo: Demo) -> list[float]:
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(demo.mara)
    last = Operation.objects.filter(status="queued").order_by("queued_at").last()
    assert last is not None
    addresses = [reverse("queue"), reverse("operation", args=[last.pk])]
    for address in addresses:
        assert client.get(address).status_code == 200
    return [s for address in addresses for s in timed(lambda a=address: client.get(a), scaled(PAGES) // 2)]


def _lines(world: World, demo: Demo) -> list[float]:
    """Seconds from the append of each line to its arrival."""
    operation = Operation.objects.filter(status="running").first()
    assert operation is not None
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(demo.mara)
    port, cookie = free_port(), client.cookies[settings.SESSION_COOKIE_NAME].value
    address = f"http://127.0.0.1:{port}{reverse('operation_stream', args=[operation.pk])}"
    server = ("-m", "uvicorn", "portal.asgi:application", "--port", str(port), "--log-level", "warning")
    with process(world, "streams", *server):
        wait_until(lambda: is_alive(port))
        return _followed(operation, address, {settings.SESSION_COOKIE_NAME: cookie})


def _followed(operation: Operation, address: str, cookies: dict[str, str]) -> list[float]:
    arrived: dict[str, float] = {}
    opened = threading.Event()
    wanted = scaled(LINES)

    def read() -> None:
        with httpx.stream("GET", address, cookies=cookies, timeout=60) as stream:
            for line in stream.iter_lines():
                opened.set()
                found = [word for word in line.replace("<", " ").replace(">", " ").split() if word.startswith("mark-")]
                arrived.update({mark: time.perf_counter() for mark in found if mark not in arrived})
                if len(arrived) >= wanted:
                    return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert opened.wait(30)
    told = _told(operation, wanted)
    reader.join(timeout=30)
    return [arrived[mark] - at for mark, at in told.items()]


def _told(operation: Operation, number: int) -> dict[str, float]:
    """Append lines at odd moments, as a step does."""
    told, moments = {}, random.Random(1)
    with StepLog(operation) as log:
        for n in range(number):
            time.sleep(moments.uniform(0.05, 0.35))
            told[f"mark-{n}-"] = time.perf_counter()
            log(f"mark-{n}- the resource is made")
    return told
