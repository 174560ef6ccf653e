"""Whatever is sent, the answer is a 4xx problem that names what is wrong. Never a 500, never half a change."""

import uuid
from typing import Any

import pytest

from provisioning.models import Environment, Operation
from tests.portal.api import made
from tests.portal.api.conftest import V1, refusal

pytestmark = pytest.mark.django_db
DEEP = "[" * 100_000
WEIRD: list[Any] = [
    *(None, True, -1, 2**53 - 1, 2**70, 1e308, 0.1, "", " ", "x" * 5000, "a\nb", "\u202e", "💥", "9" * 21),
    *([], {}, {"a": {"b": [None]}}, [1, "2", None], "' OR 1=1 --", "../etc", str(uuid.uuid4()), "\u2028", "ß" * 63),
]
FIELDS = {
    "/operations/": (
        *("kind", "service", "template", "template_version", "name", "tier", "parameters", "ttl_hours", "reason"),
        *("environment", "release", "confirm"),
    ),
    "/operations/preview/": ("service", "template", "template_version", "name", "tier", "parameters", "ttl_hours"),
    "/releases/": ("service", "version", "artifact", "digest", "notes"),
    "/operations/{operation}/approve/": ("digest", "reason"),
    "/operations/{operation}/reject/": ("digest", "reason"),
    "/operations/{operation}/cancel/": ("reason",),
    "/environments/{environment}/extend/": ("hours",),
    "/environments/{environment}/lifetime/": ("expires_at",),
    "/environments/{environment}/secrets/database/reveal/": ("reason",),
}
CREATE = {
    "kind": "create",
    "service": "payments-api",
    "template": "web-service",
    "name": "payments-api-dev",
    "tier": "dev",
    "parameters": {},
}
GOOD: dict[str, dict[str, Any]] = {
    "/operations/": CREATE,
    "/operations/preview/": {key: value for key, value in CREATE.items() if key != "kind"},
    "/releases/": {"service": "payments-api", "version": "1.0.0"},
    "/operations/{operation}/approve/": {"digest": made.DIGEST},
    "/operations/{operation}/reject/": {"digest": made.DIGEST, "reason": "No."},
}


@pytest.mark.parametrize(
    ("body", "status", "rule", "field"),
    [
        ("", 422, "request.required", "kind"),
        (" ", 400, "request.json", ""),
        ("{", 400, "request.json", ""),
        ("[]", 400, "request.json", ""),
        ("null", 400, "request.json", ""),
        ('"text"', 400, "request.json", ""),
        ('{"kind": NaN}', 400, "request.json", ""),
        ('{"kind": 1, "kind": 2}', 400, "request.json", ""),
        (b'{"kind": "\xff"}', 400, "request.json", ""),
        (DEEP, 400, "request.json", ""),
        ('{"a": ' * 50 + "1" + "}" * 50, 422, "request.depth", "a" + ".a" * 19),
        ('{"ttl_hours": ' + "9" * 5000 + "}", 400, "request.json", ""),
        ('{"ttl_hours": 1e400}', 422, "request.number", "ttl_hours"),
        ('{"parameters": {"n": 9007199254740993}}', 422, "request.number", "parameters.n"),
        ('{"name": "a\\u0000b"}', 422, "request.text", "name"),
        ('{"name": "\\ud800"}', 422, "request.text", "name"),
        ('{"\\udfff": 1}', 422, "request.text", ""),
        ('{"reason": "' + "x" * 300_000 + '"}', 413, "request.size", ""),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused(call, demo, body, status, rule, field):
    assert refusal(call("mara").raw("/operations/", body)) == (status, rule, field)
    assert Operation.objects.count() == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x/;;"])
def test_only_json_is_taken(call, demo, kind):
    answer = call("mara").raw("/operations/", "kind=create", content_type=kind)
    assert refusal(answer) == (415, "request.media_type", "Content-Type")


def test_only_json_is_given(call, demo):
    answer = call("mara").get("/me/", Accept="image/png")
    assert refusal(answer) == (406, "request.accept", "Accept")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_another_method_is_refused(call, demo, method):
    mara = call("mara")
    answer = getattr(mara.client, method)(f"{V1}/operations/", headers=mara.headers)
    assert refusal(answer) == (405, "request.method", "")


@pytest.mark.parametrize("path", ["/nothing/", "/operations", "/operations/1/", "/tokens/-1/", "/teams/no/", "/../x"])
def test_an_address_that_is_none_is_a_problem_too(call, demo, path):
    assert refusal(call("mara").get(path)) == (404, "request.found", "")


def test_huge_numbers_and_strange_text_in_addresses_are_not_found(call, demo):
    mara, where = call("mara"), made.environment(demo)
    for path in (f"/tokens/{10**30}/", f"/tokens/{'9' * 5000}/", f"/environments/{where.pk}/secrets/%00/reveal/"):
        assert refusal(mara.delete(path))[0] in {404, 405}
    assert refusal(mara.post(f"/environments/{where.pk}/secrets/%00/reveal/", {"reason": "Look."}))[0] == 404


@pytest.mark.parametrize("field", [(path, name) for path, names in FIELDS.items() for name in names])
def test_no_value_of_any_field_breaks_it(call, demo, field):
    path, name = field
    operation, ines = made.awaiting(demo), call("ines")
    address = path.format(operation=operation.pk, environment=operation.environment_id)
    for value in (*WEIRD, *MOMENTS):
        answer = ines.post(address, {**GOOD.get(path, {}), name: value})
        assert answer.status_code < 500, (value, answer.content)
        if answer.status_code >= 400:
            refusal(answer)


def test_no_value_of_any_parameter_breaks_it(call, demo):
    mara = call("mara")
    for value in WEIRD:
        for parameters in ({"size": value}, {"greeting": value}, {"unknown": value}):
            answer = mara.post("/operations/preview/", {**GOOD["/operations/preview/"], "parameters": parameters})
            assert answer.status_code in {200, 422}, (value, answer.content)


QUERIES = [
    ("/operations/", ("status", "kind", "environment", "team", "waiting", "cursor", "page_size")),
    ("/environments/", ("status", "tier", "team", "service", "name", "cursor", "page_size")),
    ("/releases/", ("service", "version", "cursor", "page_size")),
    ("/services/", ("team", "cursor", "page_size")),
    ("/teams/", ("cursor", "page_size")),
    ("/templates/", ("cursor", "page_size")),
    ("/templates/web-service/versions/", ("cursor", "page_size")),
    ("/tokens/", ("cursor", "page_size")),
    ("/inbox/", ("cursor", "page_size")),
    ("/operations/{operation}/log/", ("after",)),
    (
        "/history/",
        ("actor", "event", "object", "source", "text", "request_id", "since", "until", "cursor", "page_size"),
    ),
    ("/history/export/", ("format",)),
]
STRANGE = [
    "",
    " ",
    "\x00",
    "\ud800",
    "x" * 3000,
    "-1",
    "9" * 40,
    "1.5",
    "null",
    "[]",
    "%",
    "💥",
    "'",
    str(uuid.uuid4()),
]
# Base64 of positions that are no moment, beyond any calendar, or no text, for lists and for the history.
CURSORS = [
    *("cD1ub3RhZGF0ZQ==", "bz05OTk5OTk5OTk5OTk5OQ==", "cD0wMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAw", "cD0lMDA=", "cj0xJnA9"),
    *("MjAyNi0xMS0yM1QwMDowMDowMCswMDowMHww", "OTk5OS0xMi0zMVQyMzo1OTo1OSswMDowMHwx"),
    "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHwx",
]
MOMENTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45", "2026-11-23"]
FOR = {"cursor": CURSORS, "since": MOMENTS, "until": MOMENTS, "page_size": ["0", "201"]}


@pytest.mark.parametrize(("path", "names"), QUERIES, ids=[path for path, _ in QUERIES])
def test_no_query_breaks_it(call, demo, path, names):
    operation, mara = made.awaiting(demo), call("mara")
    address = path.format(operation=operation.pk)
    for name in (*names, "surprise"):
        for value in (*STRANGE, *FOR.get(name, [])):
            answer = mara.get(f"{address}?{name}={_quoted(value)}")
            assert answer.status_code < 500, (name, value, answer.content)
            if answer.status_code >= 400:
                assert refusal(answer)[0] in {404, 422}


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("query", "rule", "field"),
    [
        ("status=odd", "request.invalid_choice", "status"),
        ("environment=1", "request.invalid", "environment"),
        ("cursor=zzz", "request.cursor", "cursor"),
        ("page_size=201", "request.page_size", "page_size"),
        ("waiting=you", "request.invalid_choice", "waiting"),
        ("colour=red", "request.unknown", "colour"),
    ],
)
def test_a_wrong_query_is_named(call, demo, query, rule, field):
    assert refusal(call("mara").get(f"/operations/?{query}")) == (422, rule, field)


@pytest.mark.parametrize("key", ["x" * 81, "two words", "é", "\x07"])
def test_an_idempotency_key_is_short_and_printable(call, demo, key):
    answer = call("mara").post("/operations/", GOOD["/operations/"], **{"Idempotency-Key": key})
    assert refusal(answer) == (422, "request.key", "Idempotency-Key")
    assert Environment.objects.count() == 0
