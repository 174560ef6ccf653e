"""The `git` binary on a bare repository: fetch and read, never a checkout, nothing of the user's set-up.

Knows commits, paths and bytes; templates are `reading`'s business, and writing is that of whoever writes. Every
failure is a GitError whose text is a sentence that may be shown.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MAX_BLOB = 256 * 1024
MAX_ENTRIES = 5000
FETCH_SECONDS = 60
READ_SECONDS = 20

_REF = re.compile(r"[A-Za-z0-9](?!.*(\.\.|//|\.lock$))[A-Za-z0-9._/-]{0,199}")
_SCP_LIKE = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:(?!/?-)[^\s:]+")
_OUTDATED = ("stale info", "(fetch first)", "non-fast-forward", "cannot lock ref", "failed to update ref")
_SYMLINK, _SUBMODULE = "120000", "160000"


class GitError(Exception):
    """Git could not do it; the text says why in a sentence that may be shown."""


class BadAddress(GitError):
    """The URL or ref is not one that may be fetched."""


class Unreachable(GitError):
    """The repository did not answer, refused us, or took too long."""


class MissingRef(GitError):
    """The repository answers but has no such branch or tag."""


class Declined(GitError):
    """A rule of the repository (a protected branch, a hook) refuses the push; repeating it does not help."""


class Outdated(GitError):
    """A ref is no longer where the caller saw it last; nothing was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One path at a commit."""

    path: str
    mode: str
    oid: str
    size: int

    @property
    def why_refused(self) -> str | None:
        """Why this path may not be in a catalogue, or None."""
        if self.mode == _SYMLINK:
            return "symbolic links are not allowed in a catalogue"
        if self.mode == _SUBMODULE:
            return "submodules are not allowed in a catalogue"
        if self.size > MAX_BLOB:
            return f"the file has {self.size} bytes; at most {MAX_BLOB} are allowed"
        return None


@dataclass(frozen=True, slots=True)
class Remote:
    """What to fetch from. `local_root` is the only directory under which a file:// repository may lie."""

    url: str
    ref: str
    local_root: Path

    def check(self) -> None:
        """Raise BadAddress unless the address is one we may fetch."""
        if not _REF.fullmatch(self.ref):
            raise BadAddress("The ref is not the name of a branch or tag.")
        if _SCP_LIKE.fullmatch(self.url):
            return
        parts = urlsplit(self.url)
        if parts.scheme == "file":
            root = self.local_root.resolve()
            if parts.netloc or not Path(parts.path).resolve().is_relative_to(root):
                raise BadAddress("A local repository must lie in Berth's own state directory.")
        elif parts.scheme not in {"https", "ssh"} or not parts.hostname or parts.hostname.startswith("-"):
            raise BadAddress("The address must begin with https:// or ssh://.")
        elif parts.password or (parts.scheme == "https" and parts.username):
            raise BadAddress("The address may not hold a password or token.")

    @property
    def protocols(self) -> str:
        """The transports git may use for this remote."""
        return "https:ssh:file" if self.url.startswith("file://") else "https:ssh"


def fetch(repository: Path, remote: Remote, *, history: bool = False, extra: Mapping[str, str] | None = None) -> str:
    """Bring the remote's ref into the bare `repository` (made if absent) and return its commit.

    With `history` all commits come, else the newest alone. `extra` adds to git's environment (credentials).
    """
    remote.check()
    if not (repository / "HEAD").exists():
        repository.mkdir(parents=True, exist_ok=True)
        run(repository, "init", "--quiet", "--bare", "--template=", str(repository))
    target = "refs/berth/fetched"
    run(
        repository,
        "fetch",
        *(() if history else ("--depth=1",)),
        *("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
        *("--", remote.url, f"+{remote.ref}:{target}"),
        protocols=remote.protocols,
        seconds=FETCH_SECONDS,
        extra=extra,
    )
    return run(repository, "rev-parse", "--verify", "--end-of-options", f"{target}^{{commit}}").decode().strip()


def entries(repository: Path, commit: str, under: str = "") -> list[Entry]:
    """Every path at the commit (below the folder `under`), submodules and links included."""
    listing = run(repository, "ls-tree", "-r", "-z", "-l", commit, *(("--", f"{under}/") if under else ()))
    found = []
    for line in listing.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, _kind, oid, size = meta.split()
            length = 0 if size == b"-" else int(size)
            found.append(Entry(path.decode("utf-8", "replace"), mode.decode(), oid.decode(), length))
        if len(found) > MAX_ENTRIES:
            raise GitError(f"The repository has more than {MAX_ENTRIES} files.")
    return found


def read(repository: Path, wanted: list[Entry]) -> dict[str, bytes]:
    """The content of each entry, by path. Call only with entries that are not refused."""
    asked = "".join(f"{entry.oid}\n" for entry in wanted).encode()
    answer = run(repository, "cat-file", "--batch", feed=asked)
    contents: dict[str, bytes] = {}
    position = 0
    for entry in wanted:
        header_end = answer.index(b"\n", position)
        oid, kind, size = answer[position:header_end].decode().split(" ")
        if oid != entry.oid or kind != "blob":
            raise GitError(f"{entry.path} could not be read from the repository.")
        start = header_end + 1
        contents[entry.path] = answer[start : start + int(size)]
        position = start + int(size) + 1
    return contents


def run(
    repository: Path,
    *arguments: str,
    feed: bytes | None = None,
    protocols: str = "",
    seconds: int = READ_SECONDS,
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """Run one git command on a bare repository in an environment that is ours alone."""
    options = ("-c", "core.hooksPath=/dev/null", "-c", "http.followRedirects=false", "-c", "gc.auto=0")
    command = ["git", f"--git-dir={repository}", *options, *arguments]
    try:
        done = subprocess.run(
            command,
            input=feed if feed is not None else b"",
            capture_output=True,
            timeout=seconds,
            env=_environment(repository, protocols) | dict(extra or {}),
            cwd=repository,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("The git program is not installed on this machine.") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"The repository did not answer within {seconds} seconds.") from None
    if done.returncode:
        raise _failure(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def _environment(repository: Path, protocols: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(repository / "no-home"),
        "XDG_CONFIG_HOME": str(repository / "no-home"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
        "GIT_ALLOW_PROTOCOL": protocols or "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def _failure(stderr: str) -> GitError:
    """Git's own words can hold addresses and names; only what they mean is passed on."""
    text = stderr.lower()
    if "couldn't find remote ref" in text:
        return MissingRef("The repository has no such branch or tag.")
    if any(sign in text for sign in _OUTDATED):
        return Outdated("The branch has moved on meanwhile.")
    if "hook declined" in text or "protected branch" in text:
        return Declined("The repository does not accept the push: a rule of its own refuses it.")
    if "authentication failed" in text or "could not read username" in text or "permission denied" in text:
        return Unreachable("The repository refused us: it needs credentials that are not set up.")
    if "not found" in text or "does not appear to be a git repository" in text or "does not exist" in text:
        return Unreachable("There is no Git repository at this address.")
    if "could not resolve" in text:
        return Unreachable("The host of the repository has no address.")
    if "unable to access" in text or "connection" in text or "could not read from remote" in text:
        return Unreachable("The host of the repository does not answer.")
    return GitError("Git could not read the repository.")
