"""The schema is valid OpenAPI 3.1, says the scope of everything, and the page is drawn from it without a script."""

import io

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from portal.api.docs import groups
from portal.api.schema import public_schema
from tests.portal.visitors import plain_static, signed_in

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_without_a_warning():
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null", stdout=io.StringIO())


def test_every_endpoint_names_its_scope_and_its_problems(client):
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).json()
    assert schema["openapi"] == "3.1.0"
    assert len(schema["paths"]) == 111
    for methods in schema["paths"].values():
        for method, said in methods.items():
            assert said["x-scope"] in {"read", "operate", "approve", "history", "access", "session"}, said
            assert "application/problem+json" in said["responses"]["401"]["content"], (method, said)


def test_the_schema_is_made_once_whoever_asks_how_often(demo, monkeypatch):
    made, parse = [], SchemaGenerator.parse
    monkeypatch.setattr(SchemaGenerator, "parse", lambda *args: made.append(args[0]) or parse(*args))
    public_schema.cache_clear()
    asked = [signed_in(who).get("/api/schema/") for who in (None, demo.mara)]
    assert [answer.status_code for answer in asked] == [200, 200]
    assert asked[0].content == asked[1].content
    assert len(made) == 1


def test_the_page_names_every_method_of_the_schema():
    named = {(one.path, one.method.lower()) for group in groups() for one in group.endpoints}
    assert named == {(path, method) for path, methods in public_schema()["paths"].items() for method in methods}


@pytest.mark.parametrize("name", ["nobody", "mara"])
def test_the_page_lists_every_endpoint_without_script_of_its_own(demo, settings, name):
    plain_static(settings)
    page = signed_in(getattr(demo, name, None)).get("/api/docs/")
    assert page.status_code == 200
    for group in groups():
        for endpoint in group.endpoints:
            assert f'id="{endpoint.anchor}"' in page.content.decode()
    assert " style=" not in page.content.decode()
    assert "<script>" not in page.content.decode()
    assert "default-src 'none'" in page["Content-Security-Policy"]
