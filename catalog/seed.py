"""Makes the repository that a fresh installation reads its catalogue from. No rows are written here."""

from pathlib import Path

from catalog import git

_WHO = {
    "GIT_AUTHOR_NAME": "Berth",
    "GIT_AUTHOR_EMAIL": "berth@localhost",
    "GIT_AUTHOR_DATE": "2026-11-01T00:00:00+0000",
    "GIT_COMMITTER_NAME": "Berth",
    "GIT_COMMITTER_EMAIL": "berth@localhost",
    "GIT_COMMITTER_DATE": "2026-11-01T00:00:00+0000",
}


def seed_repository(path: Path, from_dir: Path) -> str:
    """Make a bare repository at `path` with one commit of the files in `from_dir`; return the commit.

    The same files give the same commit anywhere. A repository that is already there is left alone.
    """
    if (path / "HEAD").exists():
        return commit_of(path)
    path.mkdir(parents=True, exist_ok=True)
    git.run(path, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path))
    files = sorted(file for file in from_dir.rglob("*") if file.is_file() and not file.is_symlink())
    return commit(path, {str(file.relative_to(from_dir)): file.read_bytes() for file in files})


def commit(path: Path, files: dict[str, bytes], *, message: str = "Add the example templates") -> str:
    """Put exactly these files on the branch `main` of a bare repository; return the commit."""
    index = {"GIT_INDEX_FILE": str(path / "seed.index")}
    lines = []
    for name, content in sorted(files.items()):
        oid = git.run(path, "hash-object", "-w", "--stdin", feed=content).decode().strip()
        lines.append(f"100644 {oid}\t{name}\0")
    git.run(path, "read-tree", "--empty", extra=index)
    git.run(path, "update-index", "-z", "--index-info", feed="".join(lines).encode(), extra=index)
    tree = git.run(path, "write-tree", extra=index).decode().strip()
    (path / "seed.index").unlink(missing_ok=True)
    made = git.run(path, "commit-tree", tree, "-m", message, extra=_WHO).decode().strip()
    git.run(path, "update-ref", "refs/heads/main", made)
    return made


def commit_of(path: Path) -> str:
    """The commit that `main` stands at."""
    return git.run(path, "rev-parse", "--verify", "refs/heads/main^{commit}").decode().strip()
