"""The loop of the router: reads routes, has nginx serve them, and writes back which generation is served.

All changes that wait at one moment become one reload.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, close_old_connections

from portal.router.config import Host, Ports, render
from portal.router.nginx import Nginx, RouterFailed
from provisioning.drivers.sandbox.desired import ROUTE_CHANNEL
from provisioning.drivers.sandbox.waiting import Waiting
from provisioning.models import Route

POLL_S = 1.0
RETRY_S = 2.0


@dataclass
class Router:
    """Keeps nginx in step with the routes."""

    nginx: Nginx
    ports: Ports
    user: str
    say: Callable[[str], None]
    is_ending: bool = False
    served: tuple[Host, ...] | None = None
    retry_at: float = 0.0

    def run(self) -> None:
        """Serve until `is_ending` is set by a signal, then end nginx."""
        waiting = Waiting(ROUTE_CHANNEL)
        self.nginx.prepare()
        try:
            while not self.is_ending:
                try:
                    self.turn()
                except (DatabaseError, InterfaceError) as problem:
                    self.say(f"Postgres does not answer: {type(problem).__name__}")
                    close_old_connections()
                    self._serve_something()
                waiting.sleep(POLL_S)
        finally:
            self.nginx.stop()
            waiting.close()

    def turn(self) -> None:
        """Bring nginx to what the routes ask for, if it is not there, and record what it serves."""
        routes = list(Route.objects.all())
        hosts = tuple(
            Host(route.host, route.port if route.state == "serve" else None)
            for route in sorted(routes, key=lambda route: route.host)
            if route.state != "absent"
        )
        if hosts != self.served or not self.nginx.is_running():
            if time.monotonic() < self.retry_at:
                return
            if not self._apply(hosts, routes):
                return
        _record(routes)

    def _apply(self, hosts: tuple[Host, ...], routes: list[Route]) -> bool:
        token = uuid.uuid4().hex
        try:
            text = render(self.nginx.home, self.ports, hosts, token=token, user=self.user)
            self.nginx.apply(text, token)
        except (RouterFailed, ValueError, OSError) as problem:
            self.retry_at = time.monotonic() + RETRY_S
            self.say(f"the new configuration is not served: {problem}")
            _complain(routes, str(problem))
            return False
        self.served = hosts
        self.say(f"serving {len(hosts)} hosts")
        return True

    def _serve_something(self) -> None:
        """Without Postgres at the start the portal's own page shall still say what is wrong."""
        if self.served is None:
            self._apply((), [])


def _record(routes: list[Route]) -> None:
    for route in routes:
        if route.observed_generation != route.generation:
            Route.objects.filter(pk=route.pk).update(observed_generation=route.generation, detail="")


def _complain(routes: list[Route], problem: str) -> None:
    late = [route.pk for route in routes if route.observed_generation != route.generation]
    Route.objects.filter(pk__in=late).update(detail=problem[:300])
