"""Global search: every kind, only what the viewer may see, whatever is typed."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from provisioning.models import Operation
from tests.people import Demo
from tests.portal.visits import signed_in
from tests.provisioning import engine


def test_each_kind_is_found(demo: Demo, django_assert_max_num_queries: Callable[..., object]) -> None:
    engine.requested(demo)
    client = signed_in(demo.vera)
    client.get("/shortcuts/")
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        text = client.get(reverse("search"), {"q": "payments"}).content.decode()
    assert "payments-api-dev" in text
    assert "Create payments-api-dev" in text
    assert reverse("pipeline", args=["payments-api"]) in text
    assert "Web service" in client.get(reverse("search"), {"q": "web"}).content.decode()
    assert "Jonas" in client.get(reverse("search"), {"q": "jon"}).content.decode()


def test_an_operation_is_found_by_its_short_id(demo: Demo) -> None:
    operation: Operation = engine.requested(demo)
    text = signed_in(demo.vera).get(reverse("search"), {"q": operation.short_id}).content.decode()
    assert reverse("operation", args=[operation.pk]) in text


@pytest.mark.parametrize("query", ["payments", "jonas"])
def test_an_outsider_finds_nothing_of_others(demo: Demo, query: str) -> None:
    engine.requested(demo)
    text = signed_in(demo.olaf).get(reverse("search"), {"q": query}).content.decode()
    assert "Nothing that you may see is called" in text


@pytest.mark.parametrize("query", ["", "%", "\x00", "<script>", "op-", "é" * 300, "ffffffff" * 8])
def test_whatever_is_typed_is_answered(demo: Demo, query: str) -> None:
    answer = signed_in(demo.vera).get(reverse("search"), {"q": query})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode()
