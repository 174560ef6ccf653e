"""A sync takes all of a repository or nothing of it; content decides what a version is, commits do not."""

import os
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction

from audit.context import context
from audit.models import AuditEvent
from catalog import actions, reading, seed, selectors
from catalog.models import Publication, Source, Template, TemplateVersion
from policies.results import Denied
from tests.catalog.conftest import EXAMPLES, example_files


def catalogue():
    """Everything a refused sync may not change."""
    return (
        list(Template.objects.order_by("pk").values()),
        list(TemplateVersion.objects.order_by("pk").values()),
        list(Publication.objects.order_by("pk").values()),
    )


def happened(event):
    """The data of the events of this name, oldest first."""
    return list(AuditEvent.objects.filter(event=event).order_by("id").values_list("data", flat=True))


def test_f1_the_shipped_templates_are_published(platform, var):
    commit = seed.seed_repository(var / "all.git", EXAMPLES)
    source = actions.register_source(by=platform, slug="all", url=f"file://{var}/all.git")
    result = actions.sync(by=platform, source=source)
    assert result.published == ("postgres-database 1.0.0", "scheduled-worker 1.0.0", "web-service 1.0.0")
    assert (result.commit, source.last_commit, source.last_error) == (commit, commit, "")
    assert {each["slug"] for each in happened("template.published")} >= {"web-service", "postgres-database"}


def test_a_version_knows_its_terms(platform, source):
    actions.sync(by=platform, source=source)
    version = Template.objects.get(slug="web-service").current
    assert (version.name, version.driver, str(version)) == (
        "Web service with Postgres",
        "sandbox",
        "web-service 1.0.0",
    )
    assert version.tiers == ("sandbox", "preview", "dev", "test", "stage", "prod")
    assert (version.ttl_hours("dev"), version.ttl_max_hours("dev")) == (14 * 24, 60 * 24)
    assert (version.ttl_hours("prod"), version.ttl_max_hours("prod")) == (None, None)
    assert version.resources["workload"] == {"image": "web-service"}
    assert [secret["name"] for secret in version.secrets] == ["database", "cache"]


def test_the_same_content_has_the_same_address_everywhere(platform, source):
    actions.sync(by=platform, source=source)
    version = TemplateVersion.objects.get()
    assert reading.digest("web-service", version.spec, version.docs) == version.digest
    golden = "sha256:c990791a10b77855fff08ec611377ae125db3957638c3d56fdb57fba4f4233a1"
    assert reading.digest("x", {"b": [1, "\u20ac"], "a": {"y": None, "x": True}}, "# X\n") == golden


def test_the_history_tells_who_published_what(platform, source):
    actions.sync(by=platform, source=source)
    version = TemplateVersion.objects.get()
    inserted = AuditEvent.objects.get(event="template_version.inserted", object=f"template_version:{version.pk}")
    assert (inserted.actor, inserted.after["digest"]) == (platform.audit_ref, version.digest)
    published = AuditEvent.objects.get(event="template.published", object=f"template:{version.template_id}")
    assert (published.actor_label, published.data["commit"]) == ("Pia Platform", source.last_commit)
    assert published.reason == "Sync of the catalogue source examples"


def test_a_second_sync_changes_nothing(platform, source):
    actions.sync(by=platform, source=source)
    before = catalogue()
    result = actions.sync(by=platform, source=source)
    assert (result.published, result.unchanged) == ((), ("web-service",))
    assert catalogue() == before


def test_a_revert_gives_the_same_version_again(platform, source, files, edited, push):
    original = dict(files)
    first = actions.sync(by=platform, source=source).commit
    digest = Template.objects.get(slug="web-service").current.digest
    second = push(edited("version: 1.0.0", "version: 1.1.0"))
    assert actions.sync(by=platform, source=source).published == ("web-service 1.1.0",)
    push({**original, "NOTES.md": b"Taken back."})
    assert actions.sync(by=platform, source=source).published == ("web-service 1.0.0",)
    assert TemplateVersion.objects.count() == 2
    assert Template.objects.get(slug="web-service").current.digest == digest
    commits = list(Publication.objects.order_by("pk").values_list("version__version", "commit"))
    assert commits == [("1.0.0", first), ("1.1.0", second), ("1.0.0", source.last_commit)]


def test_one_bad_file_refuses_the_whole_sync(platform, source, edited, push):
    actions.sync(by=platform, source=source)
    before = catalogue()
    changed = {**example_files(), **edited("version: 1.0.0", "version: 1.1.0")}
    bad = "postgres-database/template.yaml"
    changed[bad] = changed[bad].replace(b"category: Data", b"category: Stuff")
    push(changed)
    result = actions.sync(by=platform, source=source)
    assert not result
    assert [str(problem) for problem in result.problems] == [
        f"{bad}, line 5: category must be Application or Data or Background work or Other"
    ]
    assert source.last_error == str(result.problems[0])
    assert catalogue() == before
    assert happened("source.refused")[-1]["problems"] == [source.last_error]


def test_every_problem_of_every_file_is_told_at_once(platform, source, push):
    changed = example_files()
    for path in ("web-service/template.yaml", "postgres-database/template.yaml"):
        changed[path] = changed[path].replace(b"owner: platform\n", b"owner: Platform Team\nowners: x\n")
    del changed["scheduled-worker/README.md"]
    push(changed)
    told = [(problem.file, problem.line) for problem in actions.sync(by=platform, source=source).problems]
    assert told == [
        ("postgres-database/template.yaml", 6),
        ("postgres-database/template.yaml", 7),
        ("scheduled-worker/README.md", 1),
        ("web-service/template.yaml", 6),
        ("web-service/template.yaml", 7),
    ]


def test_a_version_number_is_never_used_for_other_content(platform, source, edited, push):
    actions.sync(by=platform, source=source)
    before = catalogue()
    push(edited("Hello from Berth", "Hello"))
    (problem,) = actions.sync(by=platform, source=source).problems
    assert str(problem) == (
        "web-service/template.yaml, line 7: version 1.0.0 was already published with other content; raise the number"
    )
    assert catalogue() == before


def test_two_sources_cannot_own_one_name(platform, source, repository):
    actions.sync(by=platform, source=source)
    other = actions.register_source(by=platform, slug="other", url=f"file://{repository}")
    (problem,) = actions.sync(by=platform, source=other).problems
    assert problem.reason == "the name web-service belongs to the source examples"


def test_a_template_that_left_the_repository_is_retired_and_may_come_back(platform, source, files, push):
    push(example_files())
    actions.sync(by=platform, source=source)
    push(files)
    assert actions.sync(by=platform, source=source).retired == ("postgres-database", "scheduled-worker")
    assert [template.slug for template in selectors.orderable()] == ["web-service"]
    push(example_files())
    actions.sync(by=platform, source=source)
    assert selectors.orderable().count() == 3
    assert TemplateVersion.objects.count() == 3


def test_a_state_in_the_file_is_no_new_version(platform, source, edited, push):
    actions.sync(by=platform, source=source)
    push(edited("owner: platform\n", "owner: platform\nstate: deprecated\n"))
    assert actions.sync(by=platform, source=source).published == ()
    assert (Template.objects.get(slug="web-service").state, TemplateVersion.objects.count()) == ("deprecated", 1)


def test_who_may_not_publish_is_refused_and_nothing_happens(developer, source):
    refused = actions.sync(by=developer, source=source)
    assert isinstance(refused, Denied)
    assert (refused.rule, Template.objects.count()) == ("role.publish_template", 0)
    assert happened("template.refused")[-1]["rule"] == "role.publish_template"
    assert isinstance(actions.register_source(by=developer, slug="x", url="https://git.test/x"), Denied)
    assert not Source.objects.filter(slug="x").exists()


def test_a_source_that_does_not_answer_keeps_the_catalogue(platform, source, repository):
    actions.sync(by=platform, source=source)
    before = catalogue()
    os.rename(repository, f"{repository}.gone")
    result = actions.sync(by=platform, source=source)
    assert [str(problem) for problem in result.problems] == ["There is no Git repository at this address."]
    assert source.last_error == "There is no Git repository at this address."
    assert catalogue() == before


def test_a_source_that_is_switched_off_is_not_read(platform, source):
    with context(by=platform):
        Source.objects.filter(pk=source.pk).update(enabled=False)
    source.refresh_from_db()
    assert actions.sync(by=platform, source=source).problems[0].reason == "This source is switched off."


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE catalog_templateversion SET docs = 'other'",
        "DELETE FROM catalog_templateversion",
        "UPDATE catalog_publication SET commit = 'other'",
        "DELETE FROM catalog_publication",
    ],
)
def test_a_version_never_changes_even_by_raw_sql(platform, source, statement):
    actions.sync(by=platform, source=source)
    before = catalogue()
    refused = pytest.raises(IntegrityError, match="rows never change: publish a new version instead")
    with refused, transaction.atomic(), context(by=platform), connection.cursor() as cursor:
        cursor.execute(statement)
    assert catalogue() == before


def test_the_lists_take_a_fixed_number_of_queries(platform, source, push, django_assert_num_queries):
    push(example_files())
    actions.sync(by=platform, source=source)
    with django_assert_num_queries(1):
        listed = [(each.slug, each.current.version, each.source.slug) for each in selectors.orderable()]
    assert listed[0] == ("web-service", "1.0.0", "examples")
    template = Template.objects.get(slug="web-service")
    with django_assert_num_queries(2):
        assert [[p.commit for p in v.publications.all()] for v in selectors.versions_of(template)] == [
            [source.last_commit]
        ]


def test_seeding_again_leaves_the_repository_alone(var, tmp_path):
    first = seed.seed_repository(var / "a.git", EXAMPLES)
    assert seed.seed_repository(var / "b.git", EXAMPLES) == first
    moved = seed.commit(var / "a.git", {"x/README.md": b"mine"})
    assert seed.seed_repository(var / "a.git", EXAMPLES) == moved


def test_a_repository_outside_the_state_directory_is_not_read(platform, source, settings, tmp_path):
    settings.BERTH = replace(settings.BERTH, var=tmp_path / "elsewhere")
    result = actions.sync(by=platform, source=source)
    assert result.problems[0].reason == "A local repository must lie in Berth's own state directory."
