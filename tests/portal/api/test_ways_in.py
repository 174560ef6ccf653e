"""Tokens with their scopes, sessions with CSRF, and what is answered to nobody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from audit.context import context
from policies import tokens
from policies.models import ApiToken, Membership
from provisioning.models import Operation
from tests.portal.api import made
from tests.portal.api.conftest import V1, Caller, refusal
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db


def test_nobody_is_asked_for_a_token(demo):
    answer = Client().get(f"{V1}/me/")
    assert refusal(answer) == (401, "auth.signed_in", "Authorization")
    assert answer["WWW-Authenticate"] == 'Bearer realm="berth"'


@pytest.mark.parametrize("header", ["Bearer berth_unknown", "Bearer", "Bearer ", "Basic bWFyYTp4", "Bearer \udcff\x00"])
def test_a_token_that_is_unknown_is_refused(demo, header):
    header = header.encode("utf-8", "surrogateescape").decode("latin-1")
    answer = Client().get(f"{V1}/me/", headers={"Authorization": header})
    assert refusal(answer) == (401, "auth.token", "Authorization")
    assert answer["WWW-Authenticate"] == 'Bearer realm="berth"'


def test_a_revoked_token_is_refused(call, demo):
    mara = call("mara")
    tokens.revoke(by=demo.mara, token=ApiToken.objects.get())
    assert refusal(mara.get("/me/")) == (401, "auth.token", "Authorization")


def test_an_expired_token_is_refused(call, demo):
    mara = call("mara")
    token = ApiToken.objects.get()
    with context(by="system:test"):
        ApiToken.objects.update(
            created_at=token.created_at - timedelta(days=9), expires_at=token.created_at - timedelta(days=8)
        )
    assert refusal(mara.get("/me/")) == (401, "auth.token", "Authorization")


@pytest.mark.parametrize(
    ("scope", "path", "body"),
    [
        ("operate", "/operations/", {"kind": "suspend"}),
        ("approve", "/operations/{operation}/approve/", {"digest": made.DIGEST}),
        ("approve", "/operations/{operation}/reject/", {"digest": made.DIGEST, "reason": "No."}),
        ("operate", "/operations/{operation}/cancel/", {}),
        ("operate", "/operations/{operation}/retry/", {}),
        ("operate", "/environments/{environment}/extend/", {"hours": 1}),
        ("operate", "/environments/{environment}/lifetime/", {"expires_at": "2030-01-01T00:00:00Z"}),
        ("operate", "/environments/{environment}/secrets/x/reveal/", {"reason": "Look."}),
        ("approve", "/delegations/", {"to": "jonas", "ends_at": "2030-01-01T00:00:00Z", "reason": "Away."}),
        ("operate", "/releases/", {"service": "payments-api", "version": "1"}),
        ("history", "/history/", None),
        ("history", "/history/export/?format=csv", None),
        ("read", "/operations/", None),
        ("read", "/operations/preview/", {}),
        ("read", "/me/", None),
    ],
)
def test_each_method_needs_its_scope_and_only_that_one(call, demo, scope, path, body):
    operation = made.awaiting(demo)
    path = path.format(operation=operation.pk, environment=operation.environment_id)
    ines = call("ines", *(set(tokens.SCOPES) - {scope}))
    answer = ines.get(path) if body is None else ines.post(path, body)
    assert refusal(answer) == (403, "auth.scope", "Authorization")
    with_it = call("ines", scope)
    answer = with_it.get(path) if body is None else with_it.post(path, body)
    assert answer.status_code not in {401, 403}


def test_a_scope_gives_no_right_that_its_owner_lacks(call, demo):
    operation = made.awaiting(demo)
    answer = call("vera").post(f"/operations/{operation.pk}/approve/", {"digest": made.DIGEST})
    assert refusal(answer) == (403, "approval.approver", "signer")


def test_a_token_loses_a_right_when_its_owner_does(call, demo):
    mara, where = call("mara"), made.environment(demo)
    with context(by="system:test"):
        Membership.objects.filter(user=demo.mara).update(role="viewer")
    body = {"kind": "suspend", "environment": str(where.pk)}
    assert refusal(mara.post("/operations/", body)) == (403, "role.operate", "requester")
    assert Operation.objects.count() == 0


def test_a_session_writes_only_with_its_csrf_token(demo):
    browser = signed_in(demo.mara, csrf=True)
    where = made.environment(demo)
    body = {"kind": "suspend", "environment": str(where.pk)}
    refused = Caller(browser).post("/operations/", body)
    assert refusal(refused) == (403, "auth.csrf", "X-CSRFToken")
    assert Operation.objects.count() == 0
    browser.cookies["csrftoken"] = "a" * 32
    assert Caller(browser, **{"X-CSRFToken": "a" * 32}).post("/operations/", body).status_code == 201


def test_a_session_reads_without_one(demo):
    assert Caller(signed_in(demo.mara, csrf=True)).get("/me/").json()["scopes"] is None


def test_a_token_shows_its_value_once_and_only_to_the_person(demo):
    browser = Caller(signed_in(demo.mara))
    made_token = browser.post("/tokens/", {"name": "ci", "scopes": ["read"], "days": 7})
    assert (made_token.status_code, made_token["Cache-Control"]) == (201, "no-store")
    value = made_token.json()["value"]
    assert Caller(Client(), Authorization=f"Bearer {value}").get("/me/").json()["scopes"] == ["read"]
    assert value not in browser.get("/tokens/").content.decode()


def test_a_token_cannot_make_a_token(call, demo):
    answer = call("mara").post("/tokens/", {"name": "ci", "scopes": ["read"], "days": 7})
    assert refusal(answer) == (403, "auth.person", "Authorization")
    assert ApiToken.objects.count() == 1


def test_only_ones_own_token_can_be_ended(call, demo):
    call("ines")
    other = ApiToken.objects.get()
    mara = call("mara")
    assert refusal(mara.delete(f"/tokens/{other.pk}/")) == (404, "request.found", "")
    other.refresh_from_db()
    assert other.revoked_at is None
    own = ApiToken.objects.get(user=demo.mara)
    assert mara.delete(f"/tokens/{own.pk}/").status_code == 204
    assert refusal(mara.get("/me/"))[:2] == (401, "auth.token")


def test_nothing_of_a_token_but_its_hash_is_kept(call, demo):
    mara = call("mara")
    value = mara.headers["Authorization"].removeprefix("Bearer ")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event e WHERE e::text LIKE %s", [f"%{value}%"])
        assert cursor.fetchone()[0] == 0
