"""The history: only the viewer's own part, every filter in the URL, and exports of exactly the selection."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse

from audit.context import context
from audit.models import AuditEvent
from portal.presenters.events import known_events
from provisioning.models import Environment
from tests.people import Demo
from tests.portal.visits import signed_in
from tests.provisioning import engine


def body(answer: object) -> str:
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_member_reads_sentences_of_the_own_team_only(demo: Demo) -> None:
    engine.requested(demo)
    text = signed_in(demo.vera).get(reverse("history"), {"source": "event"}).content.decode()
    assert "asked for <strong>create payments-api-dev</strong>" in text
    outside = signed_in(demo.olaf).get(reverse("history")).content.decode()
    assert "payments-api-dev" not in outside
    assert "Nothing has happened yet." in outside


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"who": "mara", "what": "operation.requested"}, True),
        ({"who": "jonas"}, False),
        ({"object": "payments-api-dev", "what": "operation.*"}, True),
        ({"q": "operation.requested"}, True),
        ({"since": "2100-01-01"}, False),
        ({"until": "2001-01-01"}, False),
        ({"since": "not a date", "until": "9999-99-99", "what": "operation.requested"}, True),
        ({"q": "zz\x00zz"}, False),
    ],
)
def test_each_filter_narrows(demo: Demo, query: dict[str, str], found: bool) -> None:
    engine.requested(demo)
    text = signed_in(demo.vera).get(reverse("history"), {**query, "source": "event"}).content.decode()
    assert ("asked for" in text) is found


@pytest.mark.django_db
def test_pages_follow_each_other_without_gap_or_repeat(demo: Demo) -> None:
    engine.requested(demo)
    client, url, seen = signed_in(demo.ana), reverse("history"), []
    after: str | None = ""
    while after is not None:
        context = client.get(url, {"after": after} if after else {}).context
        seen += [row["id"] for row in context["rows"]]
        after = context["next"] or None
    assert seen == list(AuditEvent.objects.order_by("-at", "-id").values_list("pk", flat=True))


@pytest.mark.django_db
def test_a_page_costs_the_same_for_any_number(demo: Demo, django_assert_max_num_queries: Callable[..., object]) -> None:
    for at in range(3):
        engine.requested(demo, name=f"payments-api-d{at}")
    client = signed_in(demo.vera)
    client.get("/shortcuts/")
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        assert client.get(reverse("history")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["nonsense", "!!!!", "MTIz"])
def test_a_broken_page_link_shows_the_newest_and_says_so(demo: Demo, cursor: str) -> None:
    answer = signed_in(demo.ana).get(reverse("history"), {"after": cursor})
    assert answer.status_code == 200
    assert "This page link is not valid" in answer.content.decode()


@pytest.mark.django_db
def test_a_row_change_shows_both_sides(demo: Demo) -> None:
    operation = engine.requested(demo)
    with context(by="system:test"):
        Environment.objects.filter(pk=operation.environment_id).update(status="creating")
    event = AuditEvent.objects.get(event="environment.updated", after__status="creating")
    text = signed_in(demo.vera).get(reverse("history"), {"event": event.pk}).content.decode()
    assert "Before and after" in text
    assert "status: <mark>requested</mark>" in text
    assert "status: <mark>creating</mark>" in text


@pytest.mark.django_db
def test_an_event_has_an_address_and_json(demo: Demo) -> None:
    engine.requested(demo)
    event = AuditEvent.objects.filter(event="operation.requested").first()
    assert event
    url = reverse("history_event", args=[event.pk])
    assert signed_in(demo.vera).get(url).status_code == 200
    assert signed_in(demo.vera).get(url, {"format": "json"}).json()["event"] == "operation.requested"
    assert signed_in(demo.olaf).get(url).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_the_own_selection_and_is_recorded_first(demo: Demo) -> None:
    engine.requested(demo)
    client = signed_in(demo.vera)
    answer = client.get(reverse("history_export", args=["jsonl"]), {"what": "operation.requested"})
    rows = [json.loads(line) for line in body(answer).splitlines()]
    assert [row["event"] for row in rows] == ["operation.requested"]
    told = AuditEvent.objects.get(event="history.exported")
    assert (told.actor, told.data) == (
        demo.vera.audit_ref,
        {"format": "jsonl", "filter": {"what": "operation.requested"}},
    )


@pytest.mark.django_db(transaction=True)
def test_a_csv_export_has_a_header_and_only_the_own_team(demo: Demo) -> None:
    engine.requested(demo)
    lines = body(signed_in(demo.tomasz).get(reverse("history_export", args=["csv"]))).splitlines()
    assert lines[0].startswith("id,at,epoch,txid,source,event")
    assert not any("payments-api-dev" in line for line in lines)


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["olaf", "pia"])
def test_who_may_not_export_reads_why_and_nothing_is_recorded(demo: Demo, who: str) -> None:
    answer = signed_in(getattr(demo, who)).get(reverse("history_export", args=["csv"]))
    assert answer.status_code == 403
    assert "role.export_history" in answer.content.decode()
    assert not AuditEvent.objects.filter(event="history.exported").exists()


@pytest.mark.django_db
def test_an_unknown_format_is_not_found(demo: Demo) -> None:
    assert signed_in(demo.ana).get(reverse("history_export", args=["xml"])).status_code == 404


def test_every_event_that_is_recorded_by_name_is_said_in_words() -> None:
    root = Path(__file__).resolve().parents[2]
    apps = ("portal", "delivery", "observability", "provisioning", "catalog", "policies", "audit")
    trees = [ast.parse(path.read_text()) for app in apps for path in (root / app).rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    named = {call.args[0].value for call in calls if ast.unparse(call.func) == "record" and is_text(call.args[0])}
    assert len(named) > 60
    assert named <= set(known_events())


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
