"""Policies from Git: repositories are read like the catalogue's, and what they hold becomes a draft, never more.

Here because the reader of repositories is the catalogue's and bundles are policies': only the portal sees both.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from audit.context import context
from audit.record import record
from catalog import git
from policies import bundle as checks
from policies.bundle import Refusal
from policies.bundles import store
from policies.engine import SHIPPED
from policies.models import PolicySource, User
from policies.permissions import Permission, may
from policies.results import Denied

BY = "system:policies"
SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
TAKEN = {"forms"}
MOST_FILES = 500
PACKAGE = re.compile(r"^package\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Newest:
    """What was read; with a problem, nothing of it is used."""

    commit: str = ""
    files: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Every problem on a line of its own."""
        return "\n".join(self.problems)


def register(*, by: User, slug: str, url: str, ref: str = "main") -> PolicySource | Denied:
    """Connect a repository of policies, or change where a known one lies. It is read by a worker, soon."""
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return store.refused(by, allowed, f"policysource:{slug[:40]}")
    if not SLUG.fullmatch(slug) or slug in TAKEN:
        fix = "Use lower-case letters, digits and hyphens, beginning with a letter, at most 40."
        return Denied("policy.source_name", "slug", f"'{slug}' cannot be its name.", fix, status=422)
    try:
        git.Remote(url, ref, settings.BERTH.var).check()
    except git.BadAddress as bad:
        return Denied("policy.source_address", "url", str(bad), "Correct the address.", status=422)
    with context(by=by, reason=f"Connect the policy source {slug}"):
        wanted = {"url": url, "ref": ref, "asked_at": timezone.now()}
        source, _ = PolicySource.objects.update_or_create(slug=slug, defaults=wanted)
    return source


def ask(*, by: User, source: PolicySource) -> PolicySource | Denied:
    """Have the repository read again by a worker, soon; asking twice is the same."""
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return store.refused(by, allowed, f"policysource:{source.pk}")
    with context(by=by, reason=f"Read the policy source {source.slug}"):
        PolicySource.objects.filter(pk=source.pk).update(asked_at=timezone.now())
    source.refresh_from_db()
    return source


def read_due() -> int:
    """Read every repository; one that says what it said before changes nothing. How many changed."""
    return sum(read(source) for source in PolicySource.objects.all())


def read(source: PolicySource) -> bool:
    """Bring the source to its newest commit and draft a bundle of it; a bad commit leaves its reasons only."""
    told = (source.refused, source.problem)
    try:
        found = _read_newest(source)
    except git.GitError as error:
        found = Newest(problems=(str(error),))
    if found is None or (source.asked_at is None and found.problems and (found.commit, found.text) == told):
        return False
    fields: dict[str, Any] = {"problem": found.text, "read_at": timezone.now(), "asked_at": None}
    if found.problems:
        fields |= {"refused": found.commit}
    else:
        fields |= {"refused": "", "commit": found.commit, "files": [list(each) for each in found.files]}
    with context(by=BY, reason=f"The policy source {source.slug} was read"):
        asked = Q(asked_at=source.asked_at) if source.asked_at else Q(asked_at=None)
        PolicySource.objects.filter(asked, pk=source.pk).update(**fields)
        event = "policysource.refused" if found.problems else "policysource.read"
        data = {"commit": found.commit, "problems": list(found.problems[:50])}
        record(event, object=f"policysource:{source.pk}", data=data)
    if not found.problems:
        store.draft(by=BY)
    return True


def _read_newest(source: PolicySource) -> Newest | None:
    """What the newest commit holds, or nothing when it is known and nobody asked. Raises GitError."""
    repository = settings.BERTH.var / "git" / f"policies-{source.slug}.git"
    commit = git.fetch(repository, git.Remote(source.url, source.ref, settings.BERTH.var))
    known = commit == source.refused or (commit == source.commit and not source.problem)
    if known and source.asked_at is None:
        return None
    try:
        files = _files(repository, commit)
    except UnicodeDecodeError:
        return Newest(commit, problems=("A file is not UTF-8 text.",))
    problems = _not_theirs(files)
    if not problems:
        seen = PolicySource(slug=source.slug, commit=commit, files=files)
        outcome = checks.check(store.parts(now=seen)[0])
        problems = list(outcome.problems) if isinstance(outcome, Refusal) else []
    return Newest(commit, tuple(files), tuple(problems))


def _files(repository: Path, commit: str) -> list[tuple[str, str]]:
    wanted = [entry for entry in git.entries(repository, commit) if entry.path.endswith(".rego")]
    why = next((f"{entry.path}: {entry.why_refused}." for entry in wanted if entry.why_refused), "")
    if why or not wanted or len(wanted) > MOST_FILES:
        raise git.GitError(why or f"It must hold between 1 and {MOST_FILES} files that end in .rego.")
    return sorted((path, content.decode("utf-8")) for path, content in git.read(repository, wanted).items())


def _not_theirs(files: list[tuple[str, str]]) -> list[str]:
    """A repository adds rules; it may not add to the packages that Berth ships, or to those of filled-in rules."""
    ours = {match[1] for _, text in checks.read(SHIPPED) for match in PACKAGE.finditer(text)}
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: the package {match[1]} is Berth's own."
        for path, text in files
        for match in PACKAGE.finditer(text)
        if match[1] in ours or match[1].startswith(("berth.form_", "tests.form_"))
    ]
