"""Seconds of provisioning, suspending and resuming with the real driver, daemons and worker.

From the event that is written with the click (so its commit is inside) to the operation's end, which is recorded after
the driver observed the wanted state. Creating in dev needs no signature, so planning is inside too.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings

from audit.context import context
from audit.models import AuditEvent
from catalog.actions import register_source, seed_repository, sync
from catalog.models import Source, Template, TemplateVersion
from policies.models import Quota
from provisioning.actions.change import Ask, submit
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Environment, Operation
from tests.bench.figures import scaled, spread
from tests.bench.world import ROOT, World, process, wait_until, worker
from tests.people import Demo

RUNS = 20


def run(world: World, demo: Demo) -> dict[str, Any]:
    """Percentiles of each kind over the same environments."""
    version = _web_service()
    seconds: dict[str, list[float]] = {"create": [], "suspend": [], "resume": [], "destroy": []}
    with _daemons(world):
        _live(demo, version, "sandbox-warm")
        for number in range(scaled(RUNS)):
            for kind, taken in _live(demo, version, f"sandbox-{number}").items():
                seconds[kind].append(taken)
    return {
        "sandbox_provision_s": spread(seconds["create"]),
        "suspend_s": spread(seconds["suspend"]),
        "resume_s": spread(seconds["resume"]),
        "destroy_s": spread(seconds["destroy"]),
    }


def _web_service() -> TemplateVersion:
    with context(by="system:bench"):
        Quota.objects.filter(metric="environments").update(limit=1_000_000)
        Template.objects.filter(slug="web-service").update(slug="web-service-of-tests")
    bare = settings.BERTH.var / "catalogue.git"
    seed_repository(bare, ROOT / "examples" / "catalogue")
    source = register_source(by="system:bench", slug="examples", url=bare.as_uri())
    assert isinstance(source, Source), source
    assert sync(by="system:bench", source=source)
    return Template.objects.get(slug="web-service").current


@contextmanager
def _daemons(world: World) -> Iterator[None]:
    with ExitStack() as running:
        running.enter_context(process(world, "router", "manage.py", "router"))
        running.enter_context(process(world, "sandboxd", "manage.py", "sandboxd"))
        running.enter_context(worker(world))
        time.sleep(3)
        yield


def _live(demo: Demo, version: TemplateVersion, name: str) -> dict[str, float]:
    parameters = {"size": "S", "region": "eu-north-1", "public_endpoint": False, "backup_retention_days": 7}
    wanted = Wanted(service=demo.api, version=version, name=name, tier="dev", parameters=parameters)
    made = request_environment(by=demo.mara, wanted=wanted)
    assert isinstance(made, Operation), made
    found = {"create": _seconds(made)}
    for kind in ("suspend", "resume", "destroy"):
        environment = Environment.objects.get(pk=made.environment_id)
        asked = submit(by=demo.mara, ask=Ask(environment=environment, kind=kind))
        assert isinstance(asked, Operation), asked
        found[kind] = _seconds(asked)
    return found


def _seconds(operation: Operation) -> float:
    wait_until(lambda: _ended(operation), 60)
    assert operation.status == "succeeded", (operation.kind, operation.status, operation.error)
    began = AuditEvent.objects.get(object=operation.ref, event="operation.requested").at
    return (operation.finished_at - began).total_seconds()


def _ended(operation: Operation) -> bool:
    operation.refresh_from_db()
    return operation.finished_at is not None
