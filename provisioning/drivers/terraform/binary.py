"""Finds the program: Terraform or OpenTofu, on PATH or where BERTH_TERRAFORM says."""

import json
import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from provisioning.drivers.base import DriverUnavailable

NAMES = ("terraform", "tofu")
OLDEST = (1, 6)
MISSING = (
    "Neither terraform nor tofu is on PATH of this machine. "
    "Install one of them, or name the program with BERTH_TERRAFORM."
)


def path() -> str:
    """The absolute path of the program. Raises DriverUnavailable with how to get it."""
    wanted = settings.BERTH.terraform
    found = shutil.which(wanted) if wanted else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise DriverUnavailable(f"BERTH_TERRAFORM names {wanted}, which is no program here." if wanted else MISSING)
    return str(Path(found).resolve())


def problem() -> str:
    """Why no module can be run on this machine, or nothing."""
    try:
        found = version(path())
    except DriverUnavailable as missing:
        return str(missing)
    if found < OLDEST:
        return f"The program is version {'.'.join(map(str, found))}; at least {'.'.join(map(str, OLDEST))} is needed."
    return ""


def version(program: str) -> tuple[int, ...]:
    """The version of the program, as numbers."""
    return _version(program, Path(program).stat().st_mtime)


@lru_cache(maxsize=8)
def _version(program: str, _changed: float) -> tuple[int, ...]:
    env = {"PATH": os.defpath, "CHECKPOINT_DISABLE": "1", "HOME": os.devnull, "TF_CLI_CONFIG_FILE": os.devnull}
    try:
        said = subprocess.run([program, "version", "-json"], env=env, capture_output=True, timeout=20, check=True)
        text = str(json.loads(said.stdout)["terraform_version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        raise DriverUnavailable(f"{program} does not tell its version.") from None
    return tuple(int(part) for part in text.partition("-")[0].split("."))
