"""From a commit to templates: every `<slug>/template.yaml` with its README, checked, addressed by content.

All problems of all files are gathered. Nothing is written here, neither rows nor files.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from catalog import git, strict_yaml, template_rules
from catalog.problems import Problem
from catalog.template_schema import SLUG

TEMPLATE, DOCS = "template.yaml", "README.md"
MAX_TEMPLATES = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One good template of a commit. `version_line` is where its version number stands."""

    slug: str
    spec: dict[str, Any]
    docs: str
    state: str
    digest: str
    version_line: int

    @property
    def file(self) -> str:
        """The path of its template.yaml."""
        return f"{self.slug}/{TEMPLATE}"

    @property
    def label(self) -> str:
        """As people say it: `web-service 1.0.0`."""
        return f"{self.slug} {self.spec['version']}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a commit holds. When there is any problem, nothing of it may be used."""

    commit: str
    templates: tuple[Found, ...]
    problems: tuple[Problem, ...]


def digest(slug: str, spec: dict[str, Any], docs: str) -> str:
    """`sha256:` over the RFC 8785 canonical JSON of {docs, slug, spec}."""
    canonical = rfc8785.dumps({"slug": slug, "spec": spec, "docs": docs})
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def read_commit(repository: Path, commit: str) -> Reading:
    """Read and check every template at the commit. Raises GitError when Git itself fails."""
    listed = git.entries(repository, commit)
    problems = [Problem(entry.path, 1, why) for entry in listed if (why := entry.why_refused)]
    if problems:
        return Reading(commit, (), tuple(sorted(problems)))
    wanted = [entry for entry in listed if entry.path.count("/") == 1 and _name(entry.path) in {TEMPLATE, DOCS}]
    misplaced = [*_misplaced([entry.path for entry in listed])]
    files = git.read(repository, wanted)
    templates, problems = read_files(files)
    return Reading(commit, tuple(templates), tuple(sorted([*misplaced, *problems])))


def read_files(files: dict[str, bytes]) -> tuple[list[Found], list[Problem]]:
    """Read templates from the content of their files, by path."""
    paths = sorted(path for path in files if _name(path) == TEMPLATE)
    problems: list[Problem] = []
    if not paths:
        problems.append(Problem("", 1, f"There is no template: a template is a folder with a {TEMPLATE}."))
    if len(paths) > MAX_TEMPLATES:
        problems.append(Problem("", 1, f"There are more than {MAX_TEMPLATES} templates."))
        return [], problems
    templates = []
    for path in paths:
        outcome = _read_one(path, files)
        if isinstance(outcome, Found):
            templates.append(outcome)
        else:
            problems += outcome
    return templates, problems


def _read_one(path: str, files: dict[str, bytes]) -> Found | list[Problem]:
    slug = path.partition("/")[0]
    docs_path = f"{slug}/{DOCS}"
    problems = []
    if not re.fullmatch(SLUG, slug):
        problems.append(
            Problem(path, 1, f"the folder '{slug}' is no short name: use lower-case letters, digits and hyphens")
        )
    docs = _text(docs_path, files.get(docs_path))
    if isinstance(docs, Problem):
        problems.append(docs)
    text = _text(path, files[path])
    loaded = text if isinstance(text, Problem) else strict_yaml.load(text, file=path)
    if isinstance(loaded, Problem):
        return [*problems, loaded]
    problems += [Problem(path, loaded.line(where), reason) for where, reason in template_rules.findings(loaded.value)]
    if problems or isinstance(docs, Problem):
        return problems
    return _found(slug, loaded, docs)


def _found(slug: str, loaded: strict_yaml.Loaded, docs: str) -> Found:
    spec = {key: value for key, value in loaded.value.items() if key != "state"}
    spec["parameters"] = template_rules.inline(spec["parameters"])
    state = loaded.value.get("state", "active")
    return Found(slug, spec, docs, state, digest(slug, spec, docs), loaded.line(("version",)))


def _text(path: str, content: bytes | None) -> str | Problem:
    if content is None:
        return Problem(path, 1, "every template needs this file: it is its documentation")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(path, content[: error.start].count(b"\n") + 1, "the file is not UTF-8 text")
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        return Problem(path, line, "holds a character that cannot be stored")
    return text.replace("\r\n", "\n")


def _misplaced(paths: list[str]) -> list[Problem]:
    """Files that were surely meant as templates but would silently be passed over."""
    found = []
    for path in paths:
        if _name(path) == "template.yml":
            found.append(Problem(path, 1, f"call this file {TEMPLATE}"))
        elif _name(path) == TEMPLATE and path.count("/") != 1:
            found.append(Problem(path, 1, f"a template is <name>/{TEMPLATE}, one folder deep"))
    return found


def _name(path: str) -> str:
    return path.rpartition("/")[2]
