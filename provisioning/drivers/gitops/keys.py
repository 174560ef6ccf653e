"""Private keys and tokens as git needs them: on tmpfs for one call, or in the child's environment; never in argv."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.gitops.place import Credentials, Place
from provisioning.redaction import learn

MEMORY = Path("/dev/shm")  # noqa: S108 - made private below; the one place that never reaches a disk
PREFIX = "berth-gitops-"


@contextmanager
def memory() -> Iterator[Path]:
    """A private directory on tmpfs that is gone afterwards."""
    if not MEMORY.is_dir():
        raise DriverRejected("This machine has no tmpfs at /dev/shm: a key may not lie on a disk, so nothing was done.")
    _sweep()
    place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def transport(place: Place, credentials: Credentials) -> Iterator[Mapping[str, str]]:
    """Git's environment for one call over the network with the target's token or deploy key."""
    if place.repository.startswith("https://") and "https_token" in credentials:
        yield _header(place, credentials)
    elif _is_ssh(place.repository):
        with memory() as lies:
            yield _ssh(lies, place, credentials)
    else:
        yield {}


@contextmanager
def signing(place: Place, credentials: Credentials) -> Iterator[Mapping[str, str]]:
    """Git's environment for one signed commit; without signing an empty one."""
    if place.signing == "none":
        yield {}
        return
    if "signing_key" not in credentials:
        raise DriverRejected("The target's credentials hold no signing_key, and its commits must be signed.")
    with memory() as lies:
        key = _written(lies / "signing", credentials["signing_key"].reveal())
        yield settings({"gpg.format": "ssh", "user.signingKey": str(key)})


def settings(values: Mapping[str, str]) -> dict[str, str]:
    """Git settings as environment variables, which other users cannot read as they can a command line."""
    found = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (name, value) in enumerate(values.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _header(place: Place, credentials: Credentials) -> dict[str, str]:
    user = credentials["https_user"].reveal() if "https_user" in credentials else "berth"
    pair = base64.b64encode(f"{user}:{credentials['https_token'].reveal()}".encode()).decode()
    # Bound to the one address: nowhere else does the token go.
    return settings({f"http.{place.repository}.extraHeader": f"Authorization: Basic {learn(pair)}"})


def _is_ssh(address: str) -> bool:
    return address.startswith("ssh://") or "://" not in address


def _ssh(lies: Path, place: Place, credentials: Credentials) -> dict[str, str]:
    if "deploy_key" not in credentials or not place.known_hosts:
        raise DriverRejected("A repository over ssh needs deploy_key among its credentials and known_hosts to trust.")
    key = _written(lies / "deploy", credentials["deploy_key"].reveal())
    hosts = _written(lies / "known_hosts", place.known_hosts)
    options = ("BatchMode=yes", "ConnectTimeout=10", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes")
    words = ["ssh", "-F/dev/null", f"-i{key}", f"-oUserKnownHostsFile={hosts}", *(f"-o{option}" for option in options)]
    return {"GIT_SSH_COMMAND": " ".join(words)}


def _sweep() -> None:
    """Remove what a worker left that was killed in the middle of a call."""
    for left in MEMORY.glob(f"{PREFIX}*-*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        try:
            is_ours = left.stat().st_uid == os.geteuid()
        except FileNotFoundError:
            continue
        if is_ours and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text.rstrip("\n") + "\n")
    return path
