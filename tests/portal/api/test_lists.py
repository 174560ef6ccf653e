"""Lists: a fixed number of queries, pages that neither skip nor repeat, and only what is one's own."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import context
from catalog.models import TemplateVersion
from policies import tokens
from policies.models import Membership, Service, Team
from provisioning.models import OperationLog
from tests.people import Demo
from tests.portal.api import made
from tests.portal.api.conftest import refusal

pytestmark = pytest.mark.django_db
LISTS = {
    "mara": (
        *("/operations/", "/environments/", "/services/", "/teams/", "/templates/", "/releases/", "/tokens/"),
        *("/history/", "/pipelines/payments-api/", "/templates/web-service/versions/"),
    ),
    "jonas": ("/inbox/", "/operations/?waiting=me"),
}


def _fill(demo: Demo, start: int, stop: int) -> None:
    for number in range(start, stop):
        where = made.environment(demo, f"payments-api-{number}")
        made.operation(demo, where, kind="update", status="awaiting_approval", change_digest=made.DIGEST)
        made.release(demo, f"1.{number}.0")
        tokens.create(by=demo.mara, name=f"t{number}", scopes=["read"], days=1)
        with context(by="system:test"):
            team = Team.objects.create(
                organisation=demo.payments.organisation, slug=f"t{number}", name=f"T{number}", cost_centre="CC"
            )
            Membership.objects.create(team=team, user=demo.mara, role="viewer")
            Service.objects.create(team=team, slug=f"s{number}", name="S")
            TemplateVersion.objects.create(
                template=demo.version.template,
                digest=f"sha256:{number:064x}",
                version=f"2.{number}.0",
                spec=demo.version.spec,
                docs="",
            )


def _queries(caller, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert caller.get(path).status_code == 200
    return len(captured)


def test_every_list_takes_at_most_twelve_queries_with_5_rows_and_with_50(call, demo):
    callers = {name: call(name) for name in LISTS}
    paths = [(name, path) for name, found in LISTS.items() for path in found]
    for caller in callers.values():
        caller.get("/operations/")
    _fill(demo, 0, 5)
    few = {path: _queries(callers[name], path) for name, path in paths}
    _fill(demo, 5, 50)
    many = {path: _queries(callers[name], path) for name, path in paths}
    assert many == few
    assert max(many.values()) <= 12, many


def test_pages_neither_skip_nor_repeat_while_rows_arrive(call, demo):
    where, mara = made.environment(demo), call("mara")
    rows = [made.operation(demo, where) for _ in range(7)]
    address, seen = "/operations/?page_size=3", []
    while address:
        page = mara.get(address.removeprefix("http://testserver/api/v1")).json()
        seen += [row["id"] for row in page["results"]]
        made.operation(demo, where)
        address = page["next"]
    assert seen == [str(row.pk) for row in reversed(rows)]


def test_history_pages_by_cursor_without_repeating(call, demo):
    where, mara = made.environment(demo), call("mara")
    for _ in range(6):
        made.operation(demo, where)
    address, seen = "/history/?page_size=4&event=operation.inserted", []
    while address:
        page = mara.get(address.removeprefix("http://testserver/api/v1")).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, reverse=True)


def test_another_team_and_an_outsider_see_nothing_of_it(call, demo):
    where = made.environment(demo)
    made.operation(demo, where)
    made.release(demo)
    for name in ("tomasz", "olaf"):
        caller = call(name)
        for path in ("/operations/", "/environments/", "/releases/", "/services/", "/inbox/"):
            assert caller.get(path).json()["results"] == [], (name, path)
        assert caller.get("/history/", {"object": where.ref}).json()["results"] == []
        assert refusal(caller.get(f"/environments/{where.pk}/")) == (404, "request.found", "")


def test_the_log_goes_on_from_an_id_until_the_operation_ends(call, demo):
    operation, mara = made.operation(demo, made.environment(demo), status="running"), call("mara")
    with context(by="system:test"):
        lines = [OperationLog.objects.create(operation=operation, step="s", line=f"line {n}") for n in range(3)]
    shown = mara.get(f"/operations/{operation.pk}/log/", {"after": lines[0].pk}).json()
    assert [line["line"] for line in shown["lines"]] == ["line 1", "line 2"]
    assert (shown["after"], shown["complete"]) == (lines[2].pk, False)


def test_secrets_are_listed_by_path_version_and_age_only(call, demo):
    where = made.environment(demo)
    made.secret(demo, where)
    (shown,) = call("vera").get(f"/environments/{where.pk}/secrets/").json()
    assert (shown["name"], shown["path"], shown["version"]) == ("database", "env/payments-api-dev/database", 1)
    assert 0 <= shown["age_seconds"] < 60


def test_a_lifetime_beyond_its_maximum_is_refused(call, demo):
    now = timezone.now()
    lives = {"expires_at": now + timedelta(hours=1), "expires_at_most": now + timedelta(hours=2)}
    where = made.environment(demo, **lives)
    status, rule, field = refusal(call("mara").post(f"/environments/{where.pk}/extend/", {"hours": 24}))
    assert (status, rule, field) == (422, "ttl.maximum", "hours")
    where.refresh_from_db()
    assert where.expires_at == lives["expires_at"]
