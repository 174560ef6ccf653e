"""A caller of the API for each way in."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from policies import tokens
from policies.models import User
from tests.people import Demo

V1 = "/api/v1"


class Caller:
    """Speaks JSON with the API as one person."""

    def __init__(self, client: Client, **headers: str) -> None:
        self.client, self.headers = client, headers

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(f"{V1}{path}", query or {}, headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.raw(path, json.dumps({} if body is None else body), **headers)

    def raw(self, path: str, body: str | bytes, content_type: str = "application/json", **headers: str) -> Any:
        return self.client.post(f"{V1}{path}", body, content_type=content_type, headers={**self.headers, **headers})

    def put(self, path: str, body: Any) -> Any:
        sent = json.dumps(body)
        return self.client.put(f"{V1}{path}", sent, content_type="application/json", headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"{V1}{path}", headers=self.headers)


def token_of(user: User, *scopes: str) -> Caller:
    """A caller with a token of these scopes (all of them without any)."""
    made = tokens.create(by=user, name="test", scopes=list(scopes or tokens.SCOPES), days=1)
    assert isinstance(made, tuple)
    return Caller(Client(), Authorization=f"Bearer {made[1]}")


@pytest.fixture
def call(demo: Demo) -> Callable[..., Caller]:
    """`call("mara")`, or `call("mara", "read")`: with a token of these scopes."""
    return lambda name, *scopes: token_of(getattr(demo, name), *scopes)


def refusal(response: Any) -> tuple[int, str, str]:
    """Status, rule and field of a problem, whose form is checked."""
    assert response["Content-Type"] == "application/problem+json", response.content[:300]
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "rule", "field", "fix", "who"} <= set(body)
    assert body["title"]
    assert body["rule"]
    return response.status_code, body["rule"], body["field"]
