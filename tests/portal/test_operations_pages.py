"""The operation page: what it says in each status, who may do what, and what a refusal shows."""

import pytest
from django.urls import reverse

from audit.context import context
from provisioning.models import Operation, OperationLog
from tests.people import Demo
from tests.portal.visits import existing, signed_in
from tests.provisioning import engine


@pytest.mark.django_db
def test_a_finished_creation_says_what_it_did(demo: Demo) -> None:
    made = {"kind": "create", "team": demo.payments, "tier": "dev", "requester": demo.mara, "status": "succeeded"}
    environment = existing(demo)
    with context(by="system:test"):
        operation = Operation.objects.create(environment=environment, **made)
    page = signed_in(demo.vera).get(reverse("operation", args=[operation.pk]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "Create payments-api-dev" in text
    assert "Succeeded" in text
    assert "Done. Nothing is left to do." in text
    assert "sse-connect" not in text


@pytest.mark.django_db
def test_a_running_operation_streams_and_reloads_without_script(demo: Demo) -> None:
    operation = engine.requested(demo)
    text = signed_in(demo.mara).get(reverse("operation", args=[operation.pk])).content.decode()
    assert f'sse-connect="/streams/operations/{operation.pk}/?after=0"' in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


@pytest.mark.django_db
@pytest.mark.parametrize("tab", ["log", "plan", "decisions", "approvals", "timeline"])
def test_every_tab_opens(demo: Demo, tab: str, django_assert_max_num_queries: object) -> None:
    operation = engine.requested(demo)
    engine.drain()
    client = signed_in(demo.mara)
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        page = client.get(reverse("operation_tab", args=[operation.pk, tab]))
    assert page.status_code == 200


@pytest.mark.django_db
def test_a_tab_that_does_not_exist_is_not_found(demo: Demo) -> None:
    operation = engine.requested(demo)
    assert signed_in(demo.mara).get(reverse("operation_tab", args=[operation.pk, "nothing"])).status_code == 404


@pytest.mark.django_db
def test_an_outsider_finds_nothing(demo: Demo) -> None:
    operation = engine.requested(demo)
    client = signed_in(demo.olaf)
    for name in ("operation", "operation_log", "approval"):
        assert client.get(reverse(name, args=[operation.pk])).status_code == 404
    assert client.post(reverse("operation_cancel", args=[operation.pk])).status_code == 404
    assert Operation.objects.get(pk=operation.pk).status == "requested"


@pytest.mark.django_db
def test_cancelling_a_waiting_operation_ends_it(demo: Demo) -> None:
    operation = engine.requested(demo)
    answer = signed_in(demo.mara).post(reverse("operation_cancel", args=[operation.pk]))
    assert (answer.status_code, answer["Location"]) == (302, reverse("operation", args=[operation.pk]))
    assert Operation.objects.get(pk=operation.pk).status == "cancelled"


@pytest.mark.django_db
def test_a_viewer_who_cancels_reads_why_not_and_nothing_happens(demo: Demo) -> None:
    operation = engine.requested(demo)
    answer = signed_in(demo.vera).post(reverse("operation_cancel", args=[operation.pk]))
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "Vera may not request environments for Payments API." in text
    assert "role.request" in text
    assert Operation.objects.get(pk=operation.pk).status == "requested"


@pytest.mark.django_db
def test_retrying_what_did_not_fail_is_refused_with_the_status(demo: Demo) -> None:
    operation = engine.requested(demo)
    engine.drain()
    answer = signed_in(demo.mara).post(reverse("operation_retry", args=[operation.pk]))
    assert answer.status_code == 409
    assert "only a failed operation can be retried" in answer.content.decode()


@pytest.mark.django_db
def test_log_lines_are_escaped_and_polled_from_where_the_reader_is(demo: Demo) -> None:
    operation = engine.requested(demo)
    first = OperationLog.objects.create(operation=operation, line="one")
    OperationLog.objects.create(operation=operation, line="<script>alert(1)</script>")
    url = reverse("operation_log", args=[operation.pk])
    text = signed_in(demo.mara).get(url, {"after": first.pk}).content.decode()
    assert "one</span>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.django_db
def test_the_raw_log_is_plain_text(demo: Demo) -> None:
    operation = engine.requested(demo)
    OperationLog.objects.create(operation=operation, line="<b>one</b>")
    answer = signed_in(demo.mara).get(reverse("operation_log", args=[operation.pk]), {"raw": 1})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode().endswith("Z <b>one</b>\n")


@pytest.mark.django_db
def test_a_plan_nobody_can_sign_shows_why_it_waits(demo: Demo) -> None:
    operation = engine.requested(demo, name="payments-api-prod", tier="prod")
    engine.drain()
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(blocked="Nobody can complete this: 2 signatures are needed.")
    text = signed_in(demo.mara).get(reverse("operation", args=[operation.pk])).content.decode()
    assert "Waiting for approval, 0 of 2 signed" in text
    assert "Nobody can complete this: 2 signatures are needed." in text
    assert "Waits for Ines, Jonas or Tomasz to sign, for" in text


@pytest.mark.django_db
def test_htmx_gets_only_the_parts_that_change(demo: Demo) -> None:
    operation = engine.requested(demo)
    answer = signed_in(demo.mara).get(reverse("operation", args=[operation.pk]), headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "<html" not in text
    assert 'id="op-pill" hx-swap-oob="true"' in text
    assert "HX-Request" in answer["Vary"]
