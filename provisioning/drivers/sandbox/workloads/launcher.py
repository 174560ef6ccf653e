"""First program of a workload: waits for its configuration on standard input, shuts itself in, runs the image.

Started as `python -I -S launcher.py parent status paths…`, some of them ahead of need. Everything is imported before
the cell closes: afterwards the process may have a user id for which the interpreter's own directory is out of reach.
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
    "provisioning.drivers.sandbox.workloads.runtime",
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


def main(parent: int, status: int, paths: list[str]) -> None:
    """Turn this process into a workload; returns when the image does, or when no configuration comes."""
    sys.path[:0] = paths
    landlock = importlib.import_module("provisioning.drivers.sandbox.landlock")
    landlock.die_with_parent(parent, signal.SIGKILL)
    for name in PRELOADED:
        importlib.import_module(name)
    text = sys.stdin.read()
    if not text:
        return
    config: dict[str, Any] = json.loads(text)
    own = config["launch"]
    image = importlib.import_module(own["module"])
    cell = landlock.Cell(
        read=(*own["read"], *SYSTEM_FILES),
        write=(own["directory"], "/dev/null"),
        bind=(config["port"],),
        connect=tuple(own["connect"]),
    )
    ruleset = landlock.prepare(cell)
    os.chdir(own["directory"])
    _redirect(own["log"])
    _limit(own["uid"])
    landlock.die_with_parent(parent, signal.SIGKILL)
    landlock.hide_memory()
    landlock.enter(ruleset)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    image.main({name: value for name, value in config.items() if name != "launch"}, _Ready(status))


class _Ready:
    """Tells sandboxd, once, that requests are answered."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __call__(self) -> None:
        os.write(self.descriptor, b"ready\n")


def _redirect(log: str) -> None:
    """No input; output to the log, which must not be a link that an earlier workload has laid."""
    nothing = os.open(os.devnull, os.O_RDWR)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.close(nothing)
    os.close(output)


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
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
