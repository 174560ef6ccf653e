"""`manage.py sandboxd`: runs the sandbox's workloads until it is told to end. The loop is in supervision.py."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from provisioning import vault
from provisioning.drivers.sandbox import landlock
from provisioning.drivers.sandbox.children import Places, kill_leftovers
from provisioning.drivers.sandbox.supervision import Supervisor


class Command(BaseCommand):
    help = "Run the sandbox's workloads: the only parent of their processes."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Take the lock, clear what an earlier run left, then supervise."""
        places = Places(settings.BERTH.var)
        places.prepare()
        landlock.hide_memory()
        with _only_one(places.own / "lock"):
            if left := kill_leftovers(places):
                self._say(f"ended {left} processes that an earlier run had left")
            if landlock.abi() == 0:
                self._say("this kernel has no Landlock: workloads are not isolated from each other")
            supervisor = Supervisor(vault.from_settings(), places, self._say)

            def end(_number: int, _frame: object) -> None:
                supervisor.is_ending = True

            signal.signal(signal.SIGTERM, end)
            signal.signal(signal.SIGINT, end)
            # A handler, even an empty one, is what makes a child's end wake the loop.
            signal.signal(signal.SIGCHLD, lambda *_: None)
            self._say(f"watching over the workloads in {places.var}")
            supervisor.run()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _only_one(path: Path) -> TextIO:
    """Hold a lock for the life of the process; CommandError when another sandboxd has it."""
    lock = path.open("a")
    os.set_inheritable(lock.fileno(), False)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CommandError(f"another sandboxd works in {path.parent}; end it first") from None
    return lock
