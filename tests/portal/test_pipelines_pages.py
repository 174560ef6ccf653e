"""Pipelines: what runs where, moving a release in one action, and every "no" on the page."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from audit.context import context
from delivery.actions import register_release
from delivery.models import Release
from policies.models import Service
from provisioning.models import Environment, Operation
from tests.people import Demo
from tests.portal.visits import existing, signed_in


def release(demo: Demo, version: str) -> Release:
    found = register_release(by=demo.mara, service=demo.api, version=version, artifact={"image": version})
    assert isinstance(found, Release), found
    return found


def move(client: object, kind: str, environment: Environment, row: Release | None = None, **more: str) -> object:
    fields = {"kind": kind, "environment": str(environment.pk), **more}
    if row is not None:
        fields["release"] = str(row.pk)
    return client.post(reverse("release_move", args=["payments-api"]), fields)  # type: ignore[attr-defined]


def test_the_list_costs_the_same_for_any_number(
    demo: Demo, django_assert_max_num_queries: Callable[..., object]
) -> None:
    with context(by="system:test"):
        for at in range(8):
            Service.objects.create(team=demo.payments, slug=f"svc-{at}", name=f"Service {at}")
    existing(demo)
    client = signed_in(demo.vera)
    client.get("/shortcuts/")
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        text = client.get(reverse("pipelines")).content.decode()
    assert "svc-7" in text
    assert "payments-api" in text


def test_an_outsider_sees_no_service(demo: Demo) -> None:
    assert "No services yet." in signed_in(demo.olaf).get(reverse("pipelines")).content.decode()
    assert signed_in(demo.olaf).get(reverse("pipeline", args=["payments-api"])).status_code == 404


def test_deploying_leads_to_its_operation_and_a_second_press_to_the_same(demo: Demo) -> None:
    environment, row = existing(demo), release(demo, "2026.11.5")
    client = signed_in(demo.mara)
    first = move(client, "deploy", environment, row, key="k1")
    operation = Operation.objects.get(kind="deploy")
    assert (first.status_code, first["Location"]) == (302, reverse("operation", args=[operation.pk]))
    second = move(client, "deploy", environment, row, key="k1")
    assert second["Location"] == first["Location"]
    assert Operation.objects.filter(kind="deploy").count() == 1


def test_the_page_shows_what_runs_where_and_what_can_move(demo: Demo) -> None:
    existing(demo, release=release(demo, "2026.11.5").as_spec())
    existing(demo, name="payments-api-test", tier="test")
    text = signed_in(demo.mara).get(reverse("pipeline", args=["payments-api"])).content.decode()
    assert "Can move: 2026.11.5" in text
    assert "Promote 2026.11.5 to test" in text


def test_promoting_what_runs_nowhere_below_is_refused_on_the_page(demo: Demo) -> None:
    environment, row = existing(demo, name="payments-api-test", tier="test"), release(demo, "2026.11.5")
    answer = move(signed_in(demo.mara), "promote", environment, row)
    assert answer.status_code == 409
    assert "release.verified_below" in answer.content.decode()
    assert not Operation.objects.filter(kind="promote").exists()


def test_a_viewer_cannot_move_anything(demo: Demo) -> None:
    environment, row = existing(demo), release(demo, "2026.11.5")
    answer = move(signed_in(demo.vera), "deploy", environment, row)
    assert answer.status_code == 403
    assert "Vera may not deploy releases for Payments API." in answer.content.decode()
    assert not Operation.objects.filter(kind="deploy").exists()


@pytest.mark.parametrize("environment", ["", "nonsense", "00000000-0000-0000-0000-000000000001"])
def test_a_move_of_what_is_not_there_is_not_found(demo: Demo, environment: str) -> None:
    fields = {"kind": "deploy", "environment": environment}
    assert signed_in(demo.mara).post(reverse("release_move", args=["payments-api"]), fields).status_code == 404


def test_registering_a_release_shows_it_on_the_pipeline(demo: Demo) -> None:
    client = signed_in(demo.mara)
    url = reverse("release_new", args=["payments-api"])
    assert client.get(url).status_code == 200
    answer = client.post(url, {"version": "2026.11.6", "artifact": '{"image": "x"}', "notes": "Idempotent refunds"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("pipeline", args=["payments-api"]))
    assert "Idempotent refunds" in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"version": "no spaces allowed"}, "1 to 40 letters, digits and . + _ - For example 2026.11.5."),
        ({"version": "1", "artifact": "[1]"}, "It must be a JSON object."),
        ({"version": "1", "artifact": "{"}, "It must be a JSON object."),
        ({"version": "1", "digest": "md5:1"}, "It must be sha256: and 64 hexadecimal digits."),
    ],
)
def test_a_wrong_release_is_refused_by_its_field(demo: Demo, fields: dict[str, str], says: str) -> None:
    answer = signed_in(demo.mara).post(reverse("release_new", args=["payments-api"]), fields)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Release.objects.exists()
