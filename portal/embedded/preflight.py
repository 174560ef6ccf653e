"""Checks before anything is started; each failure is one sentence with the way out."""

import os
import shutil
import sys
from pathlib import Path

from portal.embedded import ports
from portal.embedded.failure import StartError

FREE_MEGABYTES = 500
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = "/run/environments.sock"
PYTHON = (3, 11)


def check_machine() -> None:
    """Refuse a Python or a system that cannot carry us."""
    if sys.version_info < PYTHON:
        raise StartError(f"Berth needs Python 3.11 or newer, this is {sys.version.split()[0]}.")
    if sys.platform != "linux":
        raise StartError(f"`up` runs on Linux only, this is {sys.platform}; use docker compose instead.")


def prepare_directory(path: Path) -> Path:
    """Make the data directory and return its absolute path; checks length, owner and free space."""
    try:
        var = path.absolute()
        check_length(var)
        var.mkdir(parents=True, exist_ok=True)
        owner = var.stat().st_uid
        if owner != os.geteuid():
            raise StartError(
                f"{var} belongs to user {owner} and you are user {os.geteuid()}; start as that user, or give "
                "--data-dir another directory."
            )
        var.chmod(0o711 if owner == 0 else 0o700)
        for name in ("log", "run"):
            (var / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise StartError(f"Cannot use {path} as data directory: {problem.strerror}.") from problem
    check_space(var)
    return var


def check_length(var: Path) -> None:
    """Unix sockets below the directory need paths that the kernel takes."""
    room = SOCKET_PATH_LIMIT - len(LONGEST_SOCKET_NAME)
    length = len(os.fsencode(var))
    if length > room:
        raise StartError(
            f"The data directory's path has {length} characters, {room} are possible because of "
            "Unix sockets; give --data-dir a shorter one."
        )


def check_space(var: Path) -> None:
    """Refuse to start on a disk that is nearly full."""
    free = shutil.disk_usage(var).free // 1_000_000
    if free < FREE_MEGABYTES:
        raise StartError(f"Only {free} MB are free on the disk of {var}, {FREE_MEGABYTES} MB are needed; free some.")


def check_ports(port: int) -> None:
    """The public port and the one after it, for environments, must be free."""
    if not 1 <= port <= 65534:
        raise StartError(f"{port} is not a port to listen on; give --port a number from 1 to 65534.")
    for wanted in (port, port + 1):
        if not ports.is_free(wanted):
            raise StartError(
                f"Port {wanted} is in use; end what listens there, or pick other ports with --port {suggest(port)}."
            )


def suggest(port: int) -> int:
    """A nearby port that is free together with its neighbour."""
    candidates = range(port + 10, min(port + 1000, 65534), 10)
    return next((p for p in candidates if ports.is_free(p) and ports.is_free(p + 1)), ports.free_port())
