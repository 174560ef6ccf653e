"""First program of a workload's process: reads its configuration from standard input, shuts itself in, runs the image.

Started as `python -I -S launcher.py`. Everything is imported before the cell closes: afterwards the process may
have a user id for which the interpreter's own directory is out of reach.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
from typing import Any

PRELOADED = (
    "encodings.idna",
    "http.client",
    "http.server",
    "json",
    "psycopg",
    "selectors",
    "socketserver",
    "threading",
)
MEMORY, FILES, FILE_SIZE, TASKS = 1 << 30, 256, 64 << 20, 64
SYSTEM_FILES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/share/zoneinfo",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/localtime",
    "/dev/urandom",
)


def main() -> None:
    """Turn this process into a workload; returns when the image does."""
    config: dict[str, Any] = json.load(sys.stdin)
    own = config["launch"]
    sys.path[:0] = own["paths"]
    landlock = importlib.import_module("provisioning.drivers.sandbox.landlock")
    landlock.die_with_parent(own["parent"], signal.SIGKILL)
    for name in PRELOADED:
        importlib.import_module(name)
    image = importlib.import_module(own["module"])
    cell = landlock.Cell(
        read=(*own["read"], *SYSTEM_FILES),
        write=(own["directory"], "/dev/null"),
        bind=(config["port"],),
        connect=tuple(own["connect"]),
    )
    ruleset = landlock.prepare(cell)
    os.chdir(own["directory"])
    _detach_input()
    _limit(own["uid"])
    landlock.die_with_parent(own["parent"], signal.SIGKILL)
    landlock.hide_memory()
    landlock.enter(ruleset)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    image.main({name: value for name, value in config.items() if name != "launch"}, _Ready(own["status"]))


class _Ready:
    """Tells sandboxd, once, that requests are answered."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __call__(self) -> None:
        os.write(self.descriptor, b"ready\n")


def _detach_input() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)


def _limit(uid: int | None) -> None:
    """Cap what the process may use, and take a user id of its own when sandboxd is root."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    os.umask(0o077)
    if uid is None:
        return
    # Counted per user id: on a shared one this would count the neighbours too.
    resource.setrlimit(resource.RLIMIT_NPROC, (TASKS, TASKS))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    main()
