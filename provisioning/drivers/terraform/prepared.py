"""What `init` made for a module, kept for this worker's next runs of the same: providers, modules, the lock file.

Nothing of an environment is in it: state, values and plan files never enter. It lies beside the runs, on tmpfs.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from provisioning.drivers.terraform import workdir
from provisioning.drivers.terraform.module import LOCK_FILE

MOST = 8
DATA = ".terraform"


def key_of(files: Mapping[str, bytes], *around: bytes | str) -> str:
    """The address of everything that `init` looks at."""
    found = hashlib.sha256()
    for part in [*(text for path in sorted(files) for text in (path, files[path])), *around]:
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.hexdigest()[:32]


def lay(key: str, module: Path) -> bool:
    """Lay what was kept into a fresh module directory. False: nothing was."""
    kept = _place(key)
    if not kept.is_dir():
        return False
    os.utime(kept)
    _copy(kept, module)
    return True


def keep(key: str, module: Path) -> None:
    """Keep what `init` made; the least used goes when there are many."""
    kept = _place(key)
    kept.mkdir(mode=0o700)
    _copy(module, kept)
    found = sorted(workdir.home().glob(f"{workdir.mark()}-prepared-*"), key=lambda place: place.stat().st_mtime)
    for place in found[:-MOST]:
        shutil.rmtree(place, ignore_errors=True)


def _place(key: str) -> Path:
    return workdir.home() / f"{workdir.mark()}-prepared-{key}"


def _copy(source: Path, to: Path) -> None:
    shutil.copytree(source / DATA, to / DATA, symlinks=True, copy_function=os.link)
    if (source / LOCK_FILE).exists() and not (to / LOCK_FILE).exists():
        shutil.copy2(source / LOCK_FILE, to / LOCK_FILE)
