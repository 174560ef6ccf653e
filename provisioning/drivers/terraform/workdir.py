"""One private directory per run, on tmpfs: the module, the plan file, an empty HOME. Gone when the run is over.

Directories of workers that died are removed by the next one that makes a directory.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from provisioning.drivers.base import DriverUnavailable

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a place that is memory, used through a private directory only


def home() -> Path:
    """The private parent of all runs of this user: 0700 and ours, or DriverUnavailable."""
    shared = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    place = (SHARED_MEMORY if shared else Path(tempfile.gettempdir())) / f"berth-terraform-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    facts = place.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not place.is_dir() or place.is_symlink():
        raise DriverUnavailable(f"{place} is not a private directory of this worker.")
    return place


def mark() -> str:
    """How names of this process' directories begin."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def make(files: Mapping[str, bytes]) -> Path:
    """A fresh directory with the files in it, readable by nobody else."""
    parent = home()
    _remove_strays(parent)
    place = parent / f"{mark()}-{secrets.token_hex(6)}"
    place.mkdir(mode=0o700)
    for name in ("home", "tmp"):
        (place / name).mkdir(mode=0o700)
    for name, content in files.items():
        write(place / "module" / name, content)
    return place


def write(path: Path, content: bytes) -> None:
    """Write a file that only we can read, with its directories."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def remove(place: Path) -> None:
    """Remove a run's directory; absence is fine. Anything that is not one of ours is left alone."""
    if place.parent == home():
        shutil.rmtree(place, ignore_errors=True)


def _remove_strays(parent: Path) -> None:
    for place in parent.iterdir():
        pid, started, *_ = [*place.name.split("-"), "", ""]
        if not pid.isdigit() or _started(int(pid)) != started:
            shutil.rmtree(place, ignore_errors=True)


def _started(pid: int) -> str:
    """The start of a living process, so that an id given out again is nobody we know; empty when it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""
