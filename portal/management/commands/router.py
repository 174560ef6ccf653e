"""`manage.py router`: runs nginx in front of the portal and of the environments. The loop is in portal/router."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.router.config import Ports
from portal.router.loop import Router
from portal.router.nginx import Nginx, RouterFailed, find_binary


class Command(BaseCommand):
    help = "Run nginx: the portal on one port, the environments by host name on another."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ports default to the variables of the process environment that `up` sets."""
        known = os.environ.get
        parser.add_argument("--listen", default=known("BERTH_LISTEN", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(known("BERTH_PORT", "8000")))
        parser.add_argument("--router-port", type=int, default=settings.BERTH.router_port)
        parser.add_argument("--web-host", default=known("BERTH_WEB_HOST", "127.0.0.1"))
        parser.add_argument("--web-port", type=int, default=int(known("BERTH_WEB_PORT", "8010")))
        parser.add_argument("--streams-port", type=int, default=int(known("BERTH_STREAMS_PORT", "8011")))

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve until a signal says to end."""
        home = Path(settings.BERTH.var) / "router"
        home.mkdir(parents=True, exist_ok=True)
        ports = Ports(
            public=options["port"],
            environments=options["router_port"],
            web=options["web_port"],
            streams=options["streams_port"],
            host=options["listen"],
            upstream=options["web_host"],
        )
        try:
            router = Router(Nginx(home, find_binary()), ports, _worker_user(home), self._say)
        except RouterFailed as problem:
            raise CommandError(str(problem)) from None

        def end(_number: int, _frame: object) -> None:
            router.is_ending = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        router.run()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _worker_user(home: Path) -> str:
    """As root, let nginx's workers be an account that owns nothing of ours: the database may run as nobody.

    Root only where that account cannot reach the directory of nginx's files, or where none is known.
    """
    if os.geteuid() != 0:
        return ""
    home.chmod(0o711)
    if not all(place.stat().st_mode & 0o001 for place in home.resolve().parents):
        return "root"
    known = {account.pw_name: account for account in pwd.getpwall()}
    account = next((known[name] for name in ("www-data", "daemon", "nginx") if name in known), None)
    return f"{account.pw_name} {grp.getgrgid(account.pw_gid).gr_name}" if account else "root"
