"""Every route of the URLconf × every persona. A route that tests/portal/routes.py does not list fails here."""

import json
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from audit.models import AuditEvent
from policies import engine, stops, tokens, waivers
from policies.bundle import Rule
from policies.models import Quota
from portal.read_only import PASSES
from tests import people
from tests.portal import access_rows, approval_rows, window_rows
from tests.portal.api import made
from tests.portal.routes import PERSONAS, ROWS, Row
from tests.portal.visitors import plain_static, signed_in
from tests.second_factors import enrolled


def made_world(demo: Any, patch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the addresses of the matrix name: all of it is Payments' and Mara's."""
    # The bundle of this world is a row that no engine could load; waivers ask for the rule that they waive.
    rule = Rule("env.ttl_maximum", "block", "A rule", waivers.PLATFORM)
    patch.setattr(waivers, "_rules", lambda: {rule.id: rule})
    patch.setattr(engine, "_chosen", None)
    now = timezone.now()
    lives = {"expires_at": now + timedelta(days=1), "expires_at_most": now + timedelta(days=9)}
    environment = made.environment(demo, **lives)
    token = tokens.create(by=demo.mara, name="ci", scopes=["read"], days=1)
    assert isinstance(token, tuple)
    made.target()
    awaiting = made.awaiting(demo)
    # To sign in for each row would take longer than many rows.
    names = [name for name in PERSONAS if name != "anonymous"]
    return SimpleNamespace(
        sessions={name: signed_in(getattr(demo, name)).session.session_key for name in names},
        environment=environment,
        awaiting=awaiting,
        held=made.held(demo),
        failed=made.operation(demo, made.environment(demo, "payments-api-two"), status="failed"),
        token=token[0],
        factor=enrolled(demo.mara),
        release=made.release(demo),
        forced=made.forced(demo),
        ready=made.environment(demo, "payments-api-ready", ready_at=now),
        orphan=made.orphan(demo),
        item=made.item(demo),
        pool=made.pool(demo),
        quota=Quota.objects.get(),
        budget=made.budget(demo),
        **access_rows.rows(demo),
        **approval_rows.rows(demo, awaiting),
        waiver=made.waiver(demo),
        **window_rows.rows(demo),
        **made.policies(demo),
    )


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Any, SimpleNamespace]]:
    """One world for the whole matrix, in a transaction that never ends well: to make it takes longer than a row."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        demo = people.make()
        yield demo, made_world(demo, patch)
        transaction.set_rollback(True)


def _named(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name}"
        else:
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _named(pattern.url_patterns, inner)


def test_every_route_is_listed_and_nothing_else():
    routes = set(_named(get_resolver().url_patterns))
    assert {row.route for row in ROWS} == routes


def _id(row: Row) -> str:
    return f"{row.method} {row.route}"


@pytest.mark.parametrize("row", [row for row in ROWS if not row.committed], ids=_id)
def test_each_persona_gets_exactly_what_its_role_allows(shared, settings, row: Row):
    plain_static(settings)
    _, world = shared
    got = {persona: _status(world, row, persona) for persona in PERSONAS}
    assert got == {persona: row.expected(persona) for persona in PERSONAS}


def _status(world: SimpleNamespace, row: Row, persona: str) -> int:
    """What one persona gets; whatever it did is undone, so that the next finds the same world."""
    with transaction.atomic():
        status = answered(world, row, persona)
        transaction.set_rollback(True)
    return status


def answered(world: SimpleNamespace, row: Row, persona: str) -> int:
    """The status of the answer to one persona."""
    client = Client()
    if persona != "anonymous":
        client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[persona]
    address = reverse(row.route, kwargs=row.kwargs(world)) + row.query
    sent = {} if row.method == "GET" else _sent(row, row.body(world))
    return int(getattr(client, row.method.lower())(address, **sent).status_code)


def _sent(row: Row, body: dict[str, Any]) -> dict[str, Any]:
    return {"data": json.dumps(body), "content_type": "application/json"} if row.api else {"data": body}


WRITES = [row for row in ROWS if row.method != "GET"]
PASSING = {
    *("signout", "operation_cancel", "operation_force", "api:operation_cancel", "api:operation_force_cancel"),
    *("webhook_admission", "webhook_admission_by_address"),
    *("switches", "switch_end", "api:switches", "api:switch_end", "stops", "api:stops", "access_look_end"),
}


@pytest.fixture
def silent(shared, settings) -> Iterator[tuple[Any, SimpleNamespace]]:
    """The same world in read-only mode; what happens there is undone."""
    plain_static(settings)
    demo, world = shared
    with transaction.atomic():
        end = timezone.now() + timedelta(hours=1)
        assert stops.switch_on(by=demo.pia, name="read_only", reason="The database moves.", ends_at=end)
        yield demo, world
        transaction.set_rollback(True)


def test_in_read_only_mode_every_write_is_refused_and_nothing_is_written(silent):
    demo, world = silent
    client = signed_in(demo.pia)
    told = AuditEvent.objects.count()
    for row in (row for row in WRITES if row.route not in PASSING):
        address = reverse(row.route, kwargs=row.kwargs(world)) + row.query
        answer = getattr(client, row.method.lower())(address, **_sent(row, row.body(world)))
        assert (answer.status_code, int(answer["Retry-After"]) > 3000) == (503, True), row.route
        form = ("application/problem+json", b'"rule": "switch.read_only"') if row.api else ("text/html", b"read_only</")
        assert (answer["Content-Type"].startswith(form[0]), form[1] in answer.content) == (True, True), row.route
    assert AuditEvent.objects.count() == told


def test_in_read_only_mode_what_ends_it_and_cancelling_still_work(silent):
    assert {row.route for row in WRITES} & PASSES == PASSING
    got = {row.route: _status(silent[1], row, "mara") for row in WRITES if row.route in PASSING}
    assert got == {row.route: row.expected("mara") for row in WRITES if row.route in PASSING}


def test_in_read_only_mode_every_page_can_be_read(silent):
    for route in ("home", "environments", "operation", "windows", "switches"):
        row = next(row for row in ROWS if row.route == route and row.method == "GET")
        assert _status(silent[1], row, "mara") == 200, route
