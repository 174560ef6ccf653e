"""Where the catalogue comes from: connecting a repository, reading it again, and what is said when it is bad."""

import pytest
from django.conf import settings

from audit.models import AuditEvent
from catalog.actions import seed_repository
from catalog.models import Source, Template
from catalog.tasks import sync_task
from tests.portal.visits import signed_in
from tests.processes import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(request):
    place = settings.BERTH.var / f"sources-{request.node.name}.git"
    seed_repository(place, ROOT / "examples" / "catalogue")
    return f"file://{place}"


def test_c1_a_platform_engineer_connects_a_repository_and_a_worker_reads_it(demo, address):
    answer = signed_in(demo.pia).post("/catalogue/sources/", {"slug": "team-x", "url": address})
    assert (answer.status_code, answer.url) == (302, "/catalogue/sources/")
    sync_task()
    source = Source.objects.get(slug="team-x")
    said = "web-service/template.yaml, line 1: the name web-service belongs to the source test"
    assert (source.problems, source.sync_asked_at) == ([said], None)
    assert not Template.objects.filter(source=source).exists()
    page = signed_in(demo.mara).get("/catalogue/sources/").content.decode()
    assert "the name web-service belongs to the source test" in page
    assert "/sync/" not in page


def test_a_source_that_says_what_it_said_before_writes_nothing(demo, address):
    signed_in(demo.pia).post("/catalogue/sources/", {"slug": "team-x", "url": address})
    sync_task()
    events = AuditEvent.objects.count()
    read = Source.objects.get(slug="team-x").last_synced_at
    sync_task()
    assert (AuditEvent.objects.count(), Source.objects.get(slug="team-x").last_synced_at) == (events, read)
    signed_in(demo.pia).post("/catalogue/sources/team-x/sync/")
    sync_task()
    assert Source.objects.get(slug="team-x").last_synced_at > read


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"slug": "Bad Name", "url": "https://git.test.invalid/x.git"}, "is no short name"),
        ({"slug": "ok", "url": "http://git.test.invalid/x.git"}, "https"),
        ({"slug": "ok", "url": "https://git.test.invalid/x.git", "ref": "--upload-pack=x"}, "not the name of a branch"),
    ],
)
def test_a_bad_address_is_refused_and_nothing_is_connected(demo, asked, says):
    answer = signed_in(demo.pia).post("/catalogue/sources/", asked)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert list(Source.objects.values_list("slug", flat=True)) == ["test"]


def test_a_developer_may_not_connect_and_it_is_recorded(demo, address):
    answer = signed_in(demo.mara).post("/catalogue/sources/", {"slug": "team-x", "url": address})
    assert answer.status_code == 403
    assert not Source.objects.filter(slug="team-x").exists()
    assert AuditEvent.objects.filter(event="template.refused", object="source:team-x").count() == 1
