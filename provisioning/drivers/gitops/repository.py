"""The target's repository through a bare cache below var/: read at a commit, build commits, push one ref.

Commits are built from objects, never in a work tree. What to write, and when it may be written, is `landing`'s.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog import git
from provisioning.drivers.base import DriverError, DriverRejected, DriverUnavailable
from provisioning.drivers.gitops import keys
from provisioning.drivers.gitops.place import Credentials, Place

TRAILERS = ("Berth-Environment", "Berth-Operation", "Berth-Fence", "Berth-Digest")
OFFERS = "berth/"
_OFFER = re.compile(rf"^([0-9a-f]+)\trefs/heads/({OFFERS}[0-9A-Za-z-]+)$", re.MULTILINE)
_DEEPEST = 100
_TRIES = 6
_STALE_SECONDS = 180.0
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOTHING = "0" * 40


@dataclass(frozen=True)
class Landed:
    """A commit of ours on a folder, as its trailers tell."""

    commit: str
    environment: str
    operation: str
    fence: int
    digest: str


class Repository:
    """One repository with the credentials of one call's target. A push ends within `limit_s`."""

    def __init__(self, place: Place, credentials: Credentials, var: Path, limit_s: int) -> None:
        self.place, self._credentials, self._var, self._limit_s = place, credentials, var, limit_s
        # What stands at a commit never changes, so it is read once.
        self._blobs: dict[tuple[str, str], dict[str, bytes]] = {}
        self._history: dict[tuple[str, str], list[Landed]] = {}
        self.cache = var / "gitops" / f"{hashlib.sha256(place.repository.encode()).hexdigest()[:16]}.git"

    def head(self, branch: str) -> str | None:
        """The newest commit of a branch at the remote, fetched; None when there is no such branch."""
        remote = self._remote(branch)
        self._make_cache()
        for attempt in range(_TRIES):
            try:
                with keys.transport(self.place, self._credentials) as extra:
                    return git.fetch(self.cache, remote, history=True, extra=extra)
            except git.MissingRef:
                return None
            except git.Outdated:
                # Another worker of this machine writes the same ref of the cache.
                self._drop_stale_lock()
                pause(attempt)
            except git.GitError as problem:
                raise translated(problem) from None
        raise DriverUnavailable("The cached repository is busy.")

    def offered(self, environment: str) -> dict[str, str]:
        """Branches below `berth/` whose newest commit is this environment's, and that commit."""
        found = {branch: tip if self.knows(tip) else self.head(branch) for tip, branch in self._waiting()}
        mark = f"{TRAILERS[0]}: {environment}"
        return {branch: tip for branch, tip in found.items() if tip and mark in self.message(tip).splitlines()}

    def blobs(self, commit: str | None, folder: str) -> dict[str, bytes]:
        """The content of every plain file below a folder, by path. What may not be read is an empty file."""
        if commit is None:
            return {}
        if (commit, folder) not in self._blobs:
            found = self._entries(commit, folder)
            readable = [entry for entry in found if entry.why_refused is None]
            contents = self._read(readable) if readable else {}
            self._blobs[commit, folder] = {entry.path: contents.get(entry.path, b"") for entry in found}
        return dict(self._blobs[commit, folder])

    def history(self, commit: str | None, folder: str) -> list[Landed]:
        """Our commits on a folder, the newest first, as far as is worth looking."""
        if commit is None:
            return []
        if (commit, folder) not in self._history:
            self._history[commit, folder] = self._landed(commit, folder)
        return self._history[commit, folder]

    def trees(self, commits: Sequence[str], folder: str) -> list[str]:
        """The id of the folder's tree at each commit; empty where it is not there."""
        asked = "".join(f"{commit}:{folder}\n" for commit in commits).encode()
        lines = self._run("cat-file", "--batch-check=%(objectname)", feed=asked).decode().splitlines()
        return ["" if line.endswith("missing") else line for line in lines]

    def knows(self, revision: str) -> bool:
        """Is this the full id of a commit in the cache?"""
        if not _OID.fullmatch(revision):
            return False
        return self._run("cat-file", "--batch-check", feed=f"{revision}\n".encode()).split()[1:2] == [b"commit"]

    def parent(self, commit: str) -> str | None:
        """The first parent, or None for a root."""
        words = self._run("rev-list", "--parents", "-n1", commit).decode().split()
        return words[1] if len(words) > 1 else None

    def message(self, commit: str) -> str:
        """The message of a commit as it was given."""
        return self._run("log", "-n1", "--format=%B", commit).decode("utf-8", "replace").strip()

    def kept(self, name: str) -> str | None:
        """The commit that was prepared under a name and not pushed yet."""
        told = self._run("for-each-ref", "--format=%(objectname)", f"refs/berth/made/{name}")
        return told.decode().strip() or None

    def keep(self, name: str, commit: str | None) -> None:
        """Remember, or with None forget, a prepared commit."""
        ref = f"refs/berth/made/{name}"
        self._run(*(("update-ref", ref, commit) if commit else ("update-ref", "-d", ref)))

    def tree(self, parent: str | None, contents: Mapping[str, bytes | None]) -> str:
        """The tree of `parent` with these files written (None: removed)."""
        work = Path(tempfile.mkdtemp(prefix="index-", dir=self.cache))
        index = {"GIT_INDEX_FILE": str(work / "index")}
        try:
            self._run("read-tree", *([parent] if parent else ["--empty"]), extra=index)
            lines = [self._line(path, content) for path, content in sorted(contents.items())]
            self._run("update-index", "-z", "--index-info", feed=b"".join(lines), extra=index)
            return self._run("write-tree", extra=index).decode().strip()
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def commit(self, tree: str, parent: str | None, message: str) -> str:
        """A commit of this tree, signed unless the target says otherwise; it exists in the cache alone."""
        name, _, mail = self.place.author.rstrip(">").partition(" <")
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _who(name, mail)}
        parents = ("-p", parent) if parent else ()
        with keys.signing(self.place, self._credentials) as signing:
            signed = ("-S",) if signing else ()
            made = self._run(
                "commit-tree", tree, *parents, *signed, "-F", "-", feed=message.encode(), extra={**who, **signing}
            )
        return made.decode().strip()

    def push(self, branch: str, commit: str | None, *, expected: str | None) -> None:
        """Move a branch to `commit` (None: delete it) if it still stands at `expected`; raises git.Outdated if not."""
        ref = f"refs/heads/{branch}"
        remote = self._remote(branch)
        remote.check()
        with keys.transport(self.place, self._credentials) as extra:
            git.run(
                self.cache,
                *("push", "--quiet", f"--force-with-lease={ref}:{expected or ''}"),
                *("--", remote.url, f"{commit or ''}:{ref}"),
                protocols=remote.protocols,
                seconds=self._limit_s,
                extra=extra,
            )

    def _waiting(self) -> list[tuple[str, str]]:
        """The newest commit of each branch below `berth/`, and its name, by one question to the remote."""
        self._make_cache()
        remote = self._remote(self.place.branch)
        remote.check()
        listing = ("ls-remote", "--heads", "--", remote.url, f"refs/heads/{OFFERS}*")
        try:
            with keys.transport(self.place, self._credentials) as extra:
                told = git.run(self.cache, *listing, protocols=remote.protocols, extra=extra)
        except git.GitError as problem:
            raise translated(problem) from None
        return _OFFER.findall(told.decode("utf-8", "replace"))

    def _landed(self, commit: str, folder: str) -> list[Landed]:
        fields = "%x1f".join(["%H", *(f"%(trailers:key={key},valueonly,separator=%x2c)" for key in TRAILERS)])
        told = self._run("log", f"--max-count={_DEEPEST}", f"--format={fields}%x1e", commit, "--", f"{folder}/")
        found = []
        for line in told.decode("utf-8", "replace").split("\x1e"):
            oid, *values = line.strip("\n").split("\x1f")
            if len(values) == len(TRAILERS) and values[2].isdigit():
                found.append(Landed(oid, values[0], values[1], int(values[2]), values[3]))
        return found

    def _remote(self, branch: str) -> git.Remote:
        return git.Remote(self.place.repository, f"refs/heads/{branch}", self._var)

    def _line(self, path: str, content: bytes | None) -> bytes:
        if content is None:
            return f"0 {_NOTHING}\t{path}\0".encode()
        oid = self._run("hash-object", "-w", "--stdin", feed=content).decode().strip()
        return f"100644 {oid}\t{path}\0".encode()

    def _entries(self, commit: str, folder: str) -> list[git.Entry]:
        try:
            return git.entries(self.cache, commit, folder)
        except git.GitError as problem:
            raise translated(problem) from None

    def _read(self, wanted: list[git.Entry]) -> dict[str, bytes]:
        try:
            return git.read(self.cache, wanted)
        except git.GitError as problem:
            raise translated(problem) from None

    def _run(self, *arguments: str, feed: bytes | None = None, extra: Mapping[str, str] | None = None) -> bytes:
        try:
            return git.run(self.cache, *arguments, feed=feed, extra=extra)
        except git.GitError as problem:
            raise translated(problem) from None

    def _make_cache(self) -> None:
        """Make the bare cache whole and then put it in place: two workers may meet here."""
        if self.cache.exists():
            return
        made = self.cache.with_name(f"new-{secrets.token_hex(8)}")
        made.mkdir(parents=True)
        try:
            git.run(made, "init", "--quiet", "--bare", "--template=", str(made))
            made.rename(self.cache)
        except git.GitError as problem:
            raise translated(problem) from None
        except OSError:
            shutil.rmtree(made, ignore_errors=True)

    def _drop_stale_lock(self) -> None:
        """A git that was killed leaves its lock behind; no fetch takes this long."""
        lock = self.cache / "refs" / "berth" / "fetched.lock"
        try:
            if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
                lock.unlink()
        except FileNotFoundError:
            return


def translated(problem: git.GitError) -> DriverError:
    """Git's failure as a driver's: an address or rule that refuses is final, all else may pass."""
    if isinstance(problem, git.BadAddress | git.Declined):
        return DriverRejected(str(problem))
    return DriverUnavailable(str(problem))


def pause(attempt: int) -> None:
    """Wait a little, longer each time and never the same, so that two do not meet again."""
    time.sleep((0.02 + secrets.SystemRandom().random() * 0.08) * (attempt + 1))


def _who(name: str, mail: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("NAME", name), ("EMAIL", mail)
