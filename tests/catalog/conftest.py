"""A small repository of templates in a state directory of the test's own, and who may publish it."""

from dataclasses import replace
from pathlib import Path

import pytest

from audit.context import context
from catalog import actions, seed
from policies.models import User

EXAMPLES = Path(__file__).parents[2] / "examples" / "catalogue"


def example_files():
    """The shipped templates, by path."""
    return {str(file.relative_to(EXAMPLES)): file.read_bytes() for file in EXAMPLES.rglob("*") if file.is_file()}


@pytest.fixture
def files():
    """One template, web-service, as its files."""
    return {path: content for path, content in example_files().items() if path.startswith("web-service/")}


@pytest.fixture
def edited(files):
    """The files with one replacement in template.yaml; the old text must be there."""

    def edit(old, new, path="web-service/template.yaml"):
        text = files[path].decode()
        assert old in text
        files[path] = text.replace(old, new, 1).encode()
        return files

    return edit


@pytest.fixture
def var(settings, tmp_path):
    """Berth's state directory, fresh for the test."""
    settings.BERTH = replace(settings.BERTH, var=tmp_path)
    return tmp_path


@pytest.fixture
def repository(var, files):
    """A bare repository that holds the one template on `main`."""
    path = var / "catalogue.git"
    seed.seed_repository(path, EXAMPLES)
    seed.commit(path, files)
    return path


@pytest.fixture
def push(repository):
    """Commit exactly these files on `main`."""
    return lambda files: seed.commit(repository, files, message="Change the templates")


@pytest.fixture
def platform(db):
    """A platform engineer."""
    with context(by="system:test"):
        return User.objects.create(username="pia", full_name="Pia Platform", is_platform=True)


@pytest.fixture
def developer(db):
    """Somebody who may not publish."""
    with context(by="system:test"):
        return User.objects.create(username="dev", full_name="Dan Developer")


@pytest.fixture
def source(repository, platform):
    """The repository, connected."""
    return actions.register_source(by=platform, slug="examples", url=f"file://{repository}")
