"""How a change gets into the repository once and only once, however often it is tried and whoever else pushes.

Fetch, rebuild our paths on the newest head, push on exactly that head; again when somebody was faster. A commit that
carries our operation and digest is ours already. A newer fence on the folder means another worker has taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from catalog import git
from provisioning.digest import sha256
from provisioning.drivers.base import Change, DriverRejected, DriverUnavailable, LeaseLost, Log, StepKey
from provisioning.drivers.gitops import documents
from provisioning.drivers.gitops.documents import Document
from provisioning.drivers.gitops.repository import OFFERS, Landed, Repository, pause, translated

FILE = "file:"
BRANCH = "branch:"
_TRIES = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Writing:
    """What shall stand in the repository: documents before and after, by path, and what the commit says."""

    folder: str
    environment: str
    operation: str
    fence: int
    subject: str
    before: Mapping[str, Document | None]
    after: Mapping[str, Document | None]
    is_release: bool = False

    @property
    def digest(self) -> str:
        """The address of what shall stand there."""
        return sha256({path: self.after[path] for path in sorted(self.after)})

    @property
    def branch(self) -> str:
        """Where it waits for review."""
        return f"{OFFERS}{self.operation}"


def file_changes(changes: tuple[Change, ...]) -> tuple[Mapping[str, Document | None], Mapping[str, Document | None]]:
    """The documents before and after of each file in a plan."""
    files = [change for change in changes if change.address.startswith(FILE)]
    before = {change.address.removeprefix(FILE): change.before for change in files}
    return before, {change.address.removeprefix(FILE): change.after for change in files}


class Landing:
    """Brings one Writing into a branch."""

    def __init__(self, repository: Repository, writing: Writing) -> None:
        self.repository, self.writing = repository, writing

    def prepare(self, head: str | None) -> str:
        """The commit on this head, made now or kept from before. Nothing leaves the machine."""
        writing = self.writing
        self._refuse_conflict(head)
        contents = {path: documents.dump(after) if after is not None else None for path, after in writing.after.items()}
        return self._built(head, contents, writing)

    def is_there(self, commit: str | None) -> bool:
        """Does the folder hold at this commit what shall stand there?"""
        standing = self.standing(commit)
        return all(standing.get(path) == after for path, after in self.writing.after.items())

    def holds_at(self, revision: str, branch: str) -> bool:
        """The same for a revision that somebody else names; one that the branch never had holds nothing."""
        if not self.repository.knows(revision):
            self.repository.head(branch)
        return self.repository.knows(revision) and self.is_there(revision)

    def landed(self, commit: str | None) -> str | None:
        """The commit by which this very change got there, as far as the folder's newest commit of ours says so."""
        newest = self._newest(commit)
        if newest and (newest.operation, newest.digest) == (self.writing.operation, self.writing.digest):
            return newest.commit
        return None

    def land(self, branch: str, key: StepKey, log: Log) -> str:
        """Bring it into the branch; returns the commit that holds it. Raises LeaseLost for an outdated worker."""
        for attempt in range(_TRIES):
            head = self.repository.head(branch)
            self.refuse_outdated(head)
            found = self.landed(head) or (head if head and self.is_there(head) else None)
            if found:
                log(f"{branch} holds it already in {found[:12]}")
                return found
            made = self.prepare(head)
            if self._pushed(branch, made, head, key):
                log(f"Pushed {made[:12]} to {branch}")
                return made
            log(f"{branch} has moved on; the commit is made again on its newest head")
            pause(attempt)
        raise DriverUnavailable(f"{branch} moves on faster than a commit can be pushed to it.")

    def offer(self, target: str, key: StepKey, log: Log) -> str:
        """Push it to a branch of its own for people to merge into `target`; returns the commit."""
        branch = self.writing.branch
        for attempt in range(_TRIES):
            tip, head = self.repository.head(branch), self.repository.head(target)
            self.refuse_outdated(head)
            self.refuse_outdated(tip)
            found = self.landed(tip) or (head if head and self.is_there(head) else None)
            if found:
                log(f"{branch} is there already at {found[:12]}")
                return found
            made = self.prepare(head)
            if self._pushed(branch, made, tip, key):
                log(f"Pushed {made[:12]} to {branch}. Merge it into {target} to go on.")
                return made
            pause(attempt)
        raise DriverUnavailable(f"{branch} could not be pushed: somebody else keeps moving it.")

    def withdraw(self, branch: str, key: StepKey, log: Log) -> None:
        """Remove a branch that waited for review. Absence is fine."""
        tip = self.repository.head(branch)
        if tip is None:
            return
        self.refuse_outdated(tip)
        if self._pushed(branch, None, tip, key):
            log(f"Removed the branch {branch}")

    def take_back(self, branch: str, key: StepKey, log: Log, *, whole: bool) -> None:
        """Undo by a commit: our paths as they were before our commit, or with `whole` nothing left in the folder."""
        for attempt in range(_TRIES):
            head = self.repository.head(branch)
            self.refuse_outdated(head)
            contents, reverts = self._as_before(head, whole=whole)
            if not contents:
                return
            undoing = replace(
                self.writing,
                subject=f"Undo: {self.writing.subject}",
                after={path: None if raw is None else documents.parse(raw) for path, raw in contents.items()},
                is_release=False,
            )
            made = self._built(head, contents, undoing, reverts)
            if self._pushed(branch, made, head, key):
                log(f"Pushed {made[:12]} to {branch}, which takes the change back")
                return
            pause(attempt)
        raise DriverUnavailable(f"{branch} moves on faster than a commit can be pushed to it.")

    def refuse_outdated(self, commit: str | None) -> None:
        """Raise LeaseLost when a worker with a newer fence has written the folder."""
        newest = self._newest(commit)
        if newest and newest.fence > self.writing.fence:
            raise LeaseLost(f"{self.writing.folder} was written under the newer fence {newest.fence}")

    def _pushed(self, branch: str, commit: str | None, expected: str | None, key: StepKey) -> bool:
        key.guard()
        try:
            self.repository.push(branch, commit, expected=expected)
        except git.Outdated:
            return False
        except git.GitError as problem:
            raise translated(problem) from None
        self.repository.keep(self.writing.environment, None)
        return True

    def standing(self, commit: str | None) -> dict[str, Document]:
        """The documents in the folder at a commit, by path."""
        blobs = self.repository.blobs(commit, self.writing.folder)
        return {path: documents.shown(documents.parse(raw)) for path, raw in blobs.items()}

    def _newest(self, commit: str | None) -> Landed | None:
        history = self.repository.history(commit, self.writing.folder)
        return next((each for each in history if each.environment == self.writing.environment), None)

    def _refuse_conflict(self, head: str | None) -> None:
        standing = self.standing(head)
        for path, after in self.writing.after.items():
            if standing.get(path) not in (self.writing.before.get(path), after):
                raise DriverRejected(
                    f"{path} was changed by somebody else since the plan was made; nothing was pushed."
                )

    def _as_before(self, head: str | None, *, whole: bool) -> tuple[dict[str, bytes | None], tuple[str, ...]]:
        repository, folder = self.repository, self.writing.folder
        standing = repository.blobs(head, folder)
        if whole:
            newest = next(iter(repository.history(head, folder)), None)
            if newest is None or newest.environment != self.writing.environment:
                return {}, ()
            return dict.fromkeys(standing), (newest.commit,)
        landed = self.landed(head)
        if landed is None:
            return {}, ()
        earlier = repository.blobs(repository.parent(landed), folder)
        contents = {path: earlier.get(path) for path in self.writing.after if earlier.get(path) != standing.get(path)}
        return contents, (landed,)

    def _built(
        self,
        head: str | None,
        contents: Mapping[str, bytes | None],
        writing: Writing,
        reverts: tuple[str, ...] = (),
    ) -> str:
        repository = self.repository
        tree = repository.tree(head, contents)
        if writing.is_release and head:
            reverts = self._reverted(head, tree)
        message = message_of(writing, reverts)
        kept = repository.kept(writing.environment)
        if kept and repository.parent(kept) == head and repository.message(kept) == message.strip():
            return kept
        made = repository.commit(tree, head, message)
        repository.keep(writing.environment, made)
        return made

    def _reverted(self, head: str, tree: str) -> tuple[str, ...]:
        """The commits that a release's tree takes back: those after the newest one with the very same files."""
        folder = self.writing.folder
        commits = [each.commit for each in self.repository.history(head, folder)]
        (wanted,) = self.repository.trees([tree], folder)
        trees = self.repository.trees(commits, folder)
        return tuple(commits[: trees.index(wanted)]) if wanted in trees else ()


def message_of(writing: Writing, reverts: tuple[str, ...]) -> str:
    """What the commit says, with the trailers by which it is known again."""
    trailers = {
        "Berth-Environment": writing.environment,
        "Berth-Operation": writing.operation,
        "Berth-Fence": str(writing.fence),
        "Berth-Digest": writing.digest,
    }
    lines = [f"Reverts: {commit}" for commit in reverts] + [f"{name}: {value}" for name, value in trailers.items()]
    return f"{_CONTROL.sub(' ', writing.subject)[:100]}\n\n" + "\n".join(lines) + "\n"
