"""What somebody else does to the repository: commits made past the driver."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from catalog import git, seed


def commit_by_hand(
    remote: Path, files: Mapping[str, bytes | None], *, branch: str = "main", message: str = "By hand"
) -> str:
    """These files written (None: removed) on a branch; returns the commit."""
    with tempfile.TemporaryDirectory() as place:
        index = {"GIT_INDEX_FILE": f"{place}/index"}
        git.run(remote, "read-tree", branch, extra=index)
        for path, content in files.items():
            line = f"{'0' if content is None else '100644'} {_blob(remote, content)}\t{path}\0".encode()
            git.run(remote, "update-index", "-z", "--index-info", feed=line, extra=index)
        tree = git.run(remote, "write-tree", extra=index).decode().strip()
    made = commit_of(remote, tree, branch, message=message)
    git.run(remote, "update-ref", f"refs/heads/{branch}", made)
    return made


def commit_of(remote: Path, tree: str, *parents: str, message: str = "By hand") -> str:
    """A commit of a tree that no branch holds yet."""
    given = [word for parent in parents for word in ("-p", parent)]
    return git.run(remote, "commit-tree", tree, *given, "-m", message, extra=seed._WHO).decode().strip()


def _blob(remote: Path, content: bytes | None) -> str:
    if content is None:
        return "0" * 40
    return git.run(remote, "hash-object", "-w", "--stdin", feed=content).decode().strip()
