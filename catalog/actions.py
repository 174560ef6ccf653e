"""What people ask of the catalogue: connect a source, sync it. Git is read before any transaction opens."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from audit.context import context
from audit.record import record
from catalog import git
from catalog.models import SLUG, Publication, Source, Template, TemplateState, TemplateVersion
from catalog.problems import Problem
from catalog.reading import Found, Reading, read_commit
from catalog.seed import seed_repository
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied

__all__ = ["SyncResult", "ask_sync", "register_source", "seed_repository", "sync"]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did. Truthy when the repository was good; else `problems` says why nothing changed.

    `published` are labels such as `web-service 1.0.0`; `unchanged` and `retired` are template slugs.
    """

    commit: str
    published: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return not self.problems


def register_source(*, by: User | str, slug: str, url: str, ref: str = "main") -> Source | Denied:
    """Connect a repository, or change where a known one lies. `by` is a person or `system:<what>`."""
    allowed = _may_publish(by)
    if isinstance(allowed, Denied):
        return _refused(by, allowed, f"source:{slug}")
    try:
        git.Remote(url, ref, settings.BERTH.var).check()
    except git.BadAddress as bad:
        denied = Denied("catalog.source_address", "url", str(bad), "Correct the address.", status=422)
        return _refused(by, denied, f"source:{slug}")
    if not re.fullmatch(SLUG, slug):
        fix = "Use lower-case letters, digits and hyphens, beginning with a letter, at most 40."
        return Denied("catalog.source_name", "slug", f"'{slug}' is no short name.", fix, status=422)
    with context(by=by, reason=f"Connect the catalogue source {slug}"):
        wanted = {"url": url, "ref": ref, "sync_asked_at": timezone.now()}
        source, _ = Source.objects.update_or_create(slug=slug, defaults=wanted)
    return source


def ask_sync(*, by: User, source: Source) -> Source | Denied:
    """Have the source read again by a worker, soon; asking twice is the same."""
    allowed = _may_publish(by)
    if isinstance(allowed, Denied):
        return _refused(by, allowed, f"source:{source.pk}")
    with context(by=by, reason=f"Sync of the catalogue source {source.slug}"):
        source.sync_asked_at = timezone.now()
        source.save(update_fields=["sync_asked_at"])
    return source


def sync(*, by: User | str, source: Source) -> SyncResult | Denied:
    """Bring the catalogue to what the source's repository says now: all of it, or nothing.

    `by` is a person with the right to publish, or `system:<what>`. A refused sync leaves every template as it
    was and the reasons in `source.last_error`.
    """
    allowed = _may_publish(by)
    if isinstance(allowed, Denied):
        return _refused(by, allowed, f"source:{source.pk}")
    try:
        reading = _read(source)
    except git.GitError as error:
        reading = Reading("", (), (Problem("", 1, str(error)),))
    problems = reading.problems or tuple(sorted(_conflicts(source, reading.templates)))
    if _is_as_before(source, reading.commit, problems):
        unchanged = () if problems else tuple(found.slug for found in reading.templates)
        return SyncResult(reading.commit, unchanged=unchanged, problems=problems)
    with context(by=by, reason=f"Sync of the catalogue source {source.slug}"):
        locked = _alone(source)
        problems = reading.problems or tuple(sorted(_conflicts(locked, reading.templates)))
        result = _refuse(locked, reading, problems) if problems else _publish(locked, reading)
    source.refresh_from_db()
    return result


def _is_as_before(source: Source, commit: str, problems: tuple[Problem, ...]) -> bool:
    """Nobody asked, and the repository says what it said last time, good or bad."""
    told = "\n".join(str(problem) for problem in problems)
    same = told if problems else commit == source.last_commit
    return source.sync_asked_at is None and bool(same) and told == source.last_error


def _may_publish(by: User | str) -> Allowed | Denied:
    if isinstance(by, str):
        if not by.startswith("system:"):
            raise ValueError("a person is given as a User; only the system itself acts by name")
        return Allowed()
    return may(by, Permission.PUBLISH_TEMPLATE, None)


def _refused(by: User | str, denied: Denied, object_ref: str) -> Denied:
    with context(by=by, reason=denied.reason):
        record("template.refused", object=object_ref, data={"rule": denied.rule, "reason": denied.reason})
    return denied


def _read(source: Source) -> Reading:
    if not source.enabled:
        raise git.GitError("This source is switched off.")
    var = Path(settings.BERTH.var)
    repository = var / "git" / f"{source.slug}.git"
    commit = git.fetch(repository, git.Remote(source.url, source.ref, var))
    return read_commit(repository, commit)


def _alone(source: Source) -> Source:
    """Lock every source, so that two syncs cannot both take one free name."""
    sources = Source.objects.select_for_update().order_by("pk")
    return next(each for each in sources if each.pk == source.pk)


def _conflicts(source: Source, found: Iterable[Found]) -> Iterable[Problem]:
    """What only the database knows: a name that is taken, a version number used for other content."""
    slugs = {each.slug: each for each in found}
    known = Template.objects.filter(slug__in=slugs).select_related("source")
    for template in known:
        if template.source_id != source.pk:
            each = slugs[template.slug]
            yield Problem(each.file, 1, f"the name {each.slug} belongs to the source {template.source.slug}")
    used = TemplateVersion.objects.filter(template__slug__in=slugs, template__source=source).select_related("template")
    for version in used:
        each = slugs[version.template.slug]
        if version.version == each.spec["version"] and version.digest != each.digest:
            yield Problem(
                each.file,
                each.version_line,
                f"version {version.version} was already published with other content; raise the number",
            )


def _refuse(source: Source, reading: Reading, problems: tuple[Problem, ...]) -> SyncResult:
    source.last_error = "\n".join(str(problem) for problem in problems)
    source.last_synced_at, source.sync_asked_at = timezone.now(), None
    source.save(update_fields=["last_error", "last_synced_at", "sync_asked_at"])
    record(
        "source.refused",
        object=f"source:{source.pk}",
        data={"commit": reading.commit, "problems": [str(problem) for problem in problems]},
    )
    return SyncResult(reading.commit, problems=problems)


def _publish(source: Source, reading: Reading) -> SyncResult:
    published: list[str] = []
    unchanged: list[str] = []
    for found in reading.templates:
        changed = _publish_one(source, reading.commit, found)
        (published if changed else unchanged).append(found.label if changed else found.slug)
    retired = _retire(source, keep=[found.slug for found in reading.templates])
    source.last_commit = reading.commit
    source.last_error = ""
    source.last_synced_at, source.sync_asked_at = timezone.now(), None
    source.save(update_fields=["last_commit", "last_error", "last_synced_at", "sync_asked_at"])
    return SyncResult(reading.commit, tuple(published), tuple(unchanged), tuple(retired))


def _publish_one(source: Source, commit: str, found: Found) -> bool:
    """Make the found content the template's current version; False when it already was."""
    spec = found.spec
    texts = {key: spec[key] for key in ("name", "description", "icon", "category", "owner")}
    template, _ = Template.objects.select_related("current").get_or_create(
        slug=found.slug, defaults={"source": source, "state": found.state, **texts}
    )
    before = template.current
    if before and before.digest == found.digest and template.state == found.state:
        return False
    version, _ = TemplateVersion.objects.get_or_create(
        digest=found.digest,
        defaults={
            "template": template,
            "version": spec["version"],
            "schema_version": spec["apiVersion"],
            "spec": spec,
            "docs": found.docs,
        },
    )
    for key, value in {**texts, "state": found.state, "current": version}.items():
        setattr(template, key, value)
    template.save()
    if before == version:
        return False
    Publication.objects.create(version=version, commit=commit, ref=source.ref)
    record(
        "template.published",
        object=f"template:{template.pk}",
        data={
            "slug": found.slug,
            "version": version.version,
            "digest": version.digest,
            "before": before.digest if before else None,
            "commit": commit,
            "ref": source.ref,
        },
    )
    return True


def _retire(source: Source, *, keep: list[str]) -> list[str]:
    """Templates that the repository no longer holds cannot be ordered any more; their versions stay."""
    gone = Template.objects.filter(source=source).exclude(slug__in=keep).exclude(state=TemplateState.RETIRED)
    slugs = sorted(gone.values_list("slug", flat=True))
    for template in gone:
        template.state = TemplateState.RETIRED
        template.save(update_fields=["state"])
        record("template.retired", object=f"template:{template.pk}", data={"slug": template.slug})
    return slugs
