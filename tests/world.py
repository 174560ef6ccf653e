"""The whole portal's back end as real processes for one test: sandboxd, router, worker, with the shipped catalogue."""

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.context import context
from catalog.actions import register_source, seed_repository, sync
from catalog.models import Template, TemplateVersion
from provisioning.models import Environment, Operation
from tests.processes import ROOT, free_port, looping_worker, process, wait_until


def shipped(slug: str) -> TemplateVersion:
    """The newest version of a shipped template, from a repository under var/."""
    place = settings.BERTH.var / f"catalogue-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.git"
    with context(by="system:test"):
        Template.objects.filter(slug=slug, source__slug="test").update(slug=f"made-up-{slug}")
    seed_repository(place, ROOT / "examples" / "catalogue")
    source = register_source(by="system:test", slug="examples", url=f"file://{place}")
    result = sync(by="system:test", source=source)
    assert result, result
    return TemplateVersion.objects.get(template__slug=slug)


class World:
    """Where the environments of this world answer."""

    def __init__(self, var: Path) -> None:
        self.var, self.router_port = var, free_port()
        self.env = {
            "BERTH_VAR": str(var),
            "BERTH_PORT": str(free_port()),
            "BERTH_ROUTER_PORT": str(self.router_port),
        }

    def ask(self, name: str, path: str = "/") -> tuple[int, dict[str, Any]]:
        """Ask an environment through the router: status and JSON body ({} when it is none)."""
        client = http.client.HTTPConnection("127.0.0.1", self.router_port, timeout=5)
        try:
            client.request("GET", path, headers={"Host": f"{name}.localhost", "Accept": "application/json"})
            answer = client.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else {}
        finally:
            client.close()


@contextmanager
def running(var: Path, *, worker: bool = True) -> Iterator[World]:
    """Start sandboxd, router and one worker; everything is gone at the end."""
    world = World(var)
    manage = [sys.executable, str(ROOT / "manage.py")]
    with ExitStack() as stack:
        stack.enter_context(process([*manage, "sandboxd"], **world.env))
        stack.enter_context(process([*manage, "router"], **world.env))
        if worker:
            stack.enter_context(looping_worker(**world.env))
        yield world


def finished(operation: Operation, seconds: float = 40) -> Operation:
    """Wait until the operation has ended."""

    def ended() -> bool:
        operation.refresh_from_db()
        return operation.finished_at is not None

    wait_until(ended, seconds)
    return operation


def fresh(environment: Environment) -> Environment:
    return Environment.objects.get(pk=environment.pk)


def seconds_of(act: Any) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
