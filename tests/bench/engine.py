"""Throughput of the engine against bare Celery: same broker, same `celery worker --concurrency 2`, Postgres with fsync.

Celery: a queue of no-op tasks is emptied; the rate between the first hundred and the last.
Engine: operations stand in `queued`, planned, judged and their plan locked, each of one no-op step; the rate at which
they reach `succeeded`, with claim, lease, fence, history, outbox and a commit per record.
`engine_ops_per_s_workers` is the same with one, two and four worker processes.
`engine_claim_ops_per_s` is the same with the plan compared and policy judged again at claim, as in daily life;
`engine_full_ops_per_s` goes from request to succeeded, the requests being made meanwhile by one more process.
"""

import time
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies.models import Quota
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Operation, OperationStep
from provisioning.runs import worker as runs
from provisioning.wake import send
from tests.bench.figures import MS, scaled, spread
from tests.bench.world import LIMIT, World, wait_until, worker
from tests.people import Demo

CELERY_TASKS, OPERATIONS, BY_WORKERS, FULL, SINGLE = 6000, 400, 200, 120, 40


def run(world: World, demo: Demo) -> dict[str, Any]:
    """All figures of the engine."""
    with context(by="system:bench"):
        Quota.objects.filter(metric="environments").update(limit=LIMIT)
    bare = _celery(world)
    engine = _queued(world, demo, "locked", lock=True)
    claimed = _queued(world, demo, "queued", lock=False)
    by_workers = {
        str(n): round(_queued(world, demo, f"by-{n}", lock=True, size=BY_WORKERS, processes=n), 1) for n in (1, 2, 4)
    }
    with worker(world):
        full, starts = _full(demo), _starts(demo)
    return {
        "engine_ops_per_s": round(engine, 1),
        "celery_noop_per_s": round(bare, 1),
        "engine_vs_celery": round(engine / bare, 3),
        "engine_ops_per_s_workers": by_workers,
        "engine_claim_ops_per_s": round(claimed, 1),
        "engine_full_ops_per_s": round(full, 1),
        "commit_to_start_ms": spread(starts, digits=1),
    }


def _broker() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(settings.REDIS_URL)


def _celery(world: World) -> float:
    total = scaled(CELERY_TASKS, at_least=200)
    broker, queue = _broker(), f"{world.broker_prefix}:{settings.CELERY_TASK_DEFAULT_QUEUE}"
    for _ in range(total):
        current_app.send_task("bench.nothing")
    with worker(world):
        wait_until(lambda: broker.llen(queue) <= total - 100, pause=0.005)
        began, left = time.monotonic(), int(broker.llen(queue))
        wait_until(lambda: broker.llen(queue) == 0, pause=0.005)
        return left / (time.monotonic() - began)


def _request(demo: Demo, name: str) -> Operation:
    wanted = Wanted(service=demo.api, version=demo.version, name=name, tier="dev", parameters={})
    operation = request_environment(by=demo.mara, wanted=wanted)
    assert isinstance(operation, Operation), operation
    return operation


def _queued(world: World, demo: Demo, name: str, *, lock: bool, size: int = OPERATIONS, processes: int = 2) -> float:
    made = [_request(demo, f"bench-{name}-{n}").pk for n in range(scaled(size))]
    for pk in made:
        assert runs.work(pk)
    if lock:
        _lock(made)
    _broker().flushdb()
    send(len(made))
    with worker(world, processes):
        wait_until(lambda: not Operation.objects.filter(pk__in=made).exclude(status="succeeded").exists(), pause=0.25)
    return _rate(made)


def _lock(made: list[Any]) -> None:
    """What the engine writes when it has compared the plan."""
    with context(by="system:bench"):
        Operation.objects.filter(pk__in=made).update(plan_locked_at=timezone.now())
        OperationStep.objects.bulk_create(
            OperationStep(operation=each, team=each.team, position=1, name="thing", title="Thing")
            for each in Operation.objects.filter(pk__in=made).select_related("team")
        )


def _rate(made: list[Any]) -> float:
    """Operations a second between the first and the last end, by the worker's own clock."""
    ends = sorted(Operation.objects.filter(pk__in=made).values_list("finished_at", flat=True))
    return (len(ends) - 1) / (ends[-1] - ends[0]).total_seconds()


def _full(demo: Demo) -> float:
    warm = _request(demo, "bench-warm").pk
    wait_until(lambda: Operation.objects.filter(pk=warm, status="succeeded").exists())
    began = timezone.now()
    made = [_request(demo, f"bench-full-{n}").pk for n in range(scaled(FULL))]
    wait_until(lambda: not Operation.objects.filter(pk__in=made).exclude(status="succeeded").exists(), pause=0.1)
    last = Operation.objects.filter(pk__in=made).order_by("-finished_at").values_list("finished_at", flat=True)[0]
    return len(made) / (last - began).total_seconds()


def _starts(demo: Demo) -> list[float]:
    """From the event written with a change (so the commit is inside) to its claim by an idle worker, by the history."""
    found: list[float] = []
    for n in range(scaled(SINGLE)):
        operation = _request(demo, f"bench-one-{n}")
        wait_until(lambda pk=operation.pk: Operation.objects.filter(pk=pk, status="succeeded").exists())
        rows = AuditEvent.objects.filter(object=operation.ref, source="event").order_by("id")
        at = {name: [row.at for row in rows if row.event == name] for name in {row.event for row in rows}}
        ready = [*at["operation.requested"], *at["operation.queued"]]
        found += [(b - a).total_seconds() * MS for a, b in zip(ready, at["operation.claimed"], strict=True)]
    return found
