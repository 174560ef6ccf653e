"""Policies from Git: a good commit is a draft beside the shipped rules, a bad one its reasons and nothing else."""

import pytest
from django.conf import settings
from django.urls import reverse

from catalog.seed import commit, seed_repository
from policies.models import PolicyBundle, PolicySource
from portal import policy_sources
from tests.policies.bundle_files import RULE, TEST
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db
GOOD = {"greeting.rego": RULE % ("warn", "rude"), "greeting_test.rego": TEST % "rude", "README.md": "Rules."}


@pytest.fixture
def push(request, tmp_path):
    """Make the repository hold these files; returns its address."""
    place = settings.BERTH.var / f"policies-{abs(hash(request.node.name))}.git"

    def pushed(**files):
        seed_repository(place, tmp_path)
        commit(place, {name: text.encode() for name, text in {**GOOD, **files}.items()}, message="Change the rules")
        return f"file://{place}"

    return pushed


def connected(demo, address):
    answer = signed_in(demo.pia).post(reverse("policy_source"), {"slug": "house", "url": address})
    assert answer.status_code == 302, answer.content.decode()
    policy_sources.read_due()
    return PolicySource.objects.get(slug="house")


def test_c3_a_good_commit_becomes_a_draft_beside_the_shipped_rules(demo, push):
    source = connected(demo, push())
    assert (source.problem, source.asked_at, len(source.files)) == ("", None, 2)
    bundle = PolicyBundle.objects.get()
    assert (bundle.state, bundle.source) == ("draft", f"shipped, house {source.commit[:10]}")
    assert {"test.greeting", "env.owner"} <= {rule["id"] for rule in bundle.rules}
    assert policy_sources.read_due() == 0


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"greeting.rego": "package berth.greeting\n\nfindings contains {\n"}, "house/greeting.rego:"),
        ({"greeting_test.rego": "package tests.greeting\n"}, "house/greeting.rego:5: no test reaches this line"),
        ({"more.rego": "# ours\npackage tiers\n"}, "more.rego:2: the package tiers is Berth's own."),
        ({"more.rego": "package ruling\n"}, "more.rego:1: the package ruling is Berth's own."),
    ],
    ids=["syntax", "untested", "a shipped package", "the entry"],
)
def test_a_bad_commit_leaves_its_reasons_and_no_draft(demo, push, files, says):
    source = connected(demo, push(**files))
    assert says in source.problem
    assert (source.files, PolicyBundle.objects.count()) == ([], 0)
    assert says in signed_in(demo.vera).get(reverse("policy_bundles")).content.decode().replace("&#x27;", "'")
    assert policy_sources.read_due() == 0


def test_a_bad_commit_leaves_the_good_one_before_it(demo, push):
    good = connected(demo, push())
    push(**{"greeting.rego": "package berth.greeting\n\nfindings contains {\n"})
    assert policy_sources.read_due() == 1
    again = PolicySource.objects.get()
    assert (again.commit, again.files) == (good.commit, good.files)
    assert "greeting.rego" in again.problem
    assert PolicyBundle.objects.count() == 1


@pytest.mark.parametrize(
    ("slug", "url"),
    [
        ("Bad Name", "https://git.test.invalid/x.git"),
        ("forms", "https://git.test.invalid/x.git"),
        ("ok", "http://git.test.invalid/x.git"),
        ("ok", "https://user:secret@git.test.invalid/x.git"),
        ("ok", "file:///etc"),
    ],
)
def test_a_bad_name_or_address_is_refused_and_nothing_is_connected(demo, slug, url):
    answer = signed_in(demo.pia).post(reverse("policy_source"), {"slug": slug, "url": url})
    assert (answer.status_code, PolicySource.objects.count()) == (422, 0)


def test_a_repository_that_does_not_answer_says_so_once(demo, push):
    source = connected(demo, f"file://{settings.BERTH.var}/nothing-there.git")
    assert source.problem == "There is no Git repository at this address."
    assert policy_sources.read_due() == 0
