"""ETag, If-None-Match and If-Match; signing, cancelling and retrying through the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from policies.models import Decision, Signature
from provisioning.models import Operation
from tests.portal.api import made
from tests.portal.api.conftest import refusal

pytestmark = pytest.mark.django_db


def test_an_unchanged_operation_answers_304(call, demo):
    operation, jonas = made.awaiting(demo), call("jonas")
    tag = jonas.get(f"/operations/{operation.pk}/")["ETag"]
    again = jonas.get(f"/operations/{operation.pk}/", **{"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert jonas.get(f"/operations/{operation.pk}/", **{"If-None-Match": '"other"'}).status_code == 200


def test_an_unchanged_environment_answers_304(call, demo):
    where, mara = made.environment(demo), call("mara")
    tag = mara.get(f"/environments/{where.pk}/")["ETag"]
    assert mara.get(f"/environments/{where.pk}/", **{"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("tag", ['"old"', "", "nonsense", "W/{tag}"])
@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("approve", {"digest": made.DIGEST}),
        ("reject", {"digest": made.DIGEST, "reason": "No."}),
        ("cancel", {}),
        ("retry", {}),
    ],
)
def test_another_tag_gives_412_and_nothing_is_done(call, demo, verb, body, tag):
    operation, ines = made.awaiting(demo), call("ines")
    tag = tag.format(tag=ines.get(f"/operations/{operation.pk}/")["ETag"])
    answer = ines.post(f"/operations/{operation.pk}/{verb}/", body, **{"If-Match": tag})
    assert refusal(answer) == (412, "request.if_match", "If-Match")
    operation.refresh_from_db()
    assert operation.status == "awaiting_approval"
    assert Signature.objects.count() == Decision.objects.count() == 0


def test_the_tag_that_was_read_lets_a_signature_through_once(call, demo):
    operation, jonas = made.awaiting(demo), call("jonas")
    tag = jonas.get(f"/operations/{operation.pk}/")["ETag"]
    address = f"/operations/{operation.pk}/approve/"
    first = jonas.post(address, {"digest": made.DIGEST}, **{"If-Match": tag})
    assert (first.status_code, first.json()["approval"]["signed"]) == (200, 1)
    assert first["ETag"] != tag
    late = call("ines").post(address, {"digest": made.DIGEST}, **{"If-Match": tag})
    assert refusal(late) == (412, "request.if_match", "If-Match")
    assert Signature.objects.count() == 1


def test_another_tag_does_not_extend(call, demo):
    now = timezone.now()
    lives = {"expires_at": now + timedelta(days=1), "expires_at_most": now + timedelta(days=9)}
    where, mara = made.environment(demo, **lives), call("mara")
    answer = mara.post(f"/environments/{where.pk}/extend/", {"hours": 5}, **{"If-Match": '"old"'})
    assert refusal(answer) == (412, "request.if_match", "If-Match")
    where.refresh_from_db()
    assert where.expires_at == lives["expires_at"]
    assert mara.post(f"/environments/{where.pk}/extend/", {"hours": 5}, **{"If-Match": "*"}).status_code == 200


def test_two_signatures_queue_the_operation(call, demo):
    operation = made.awaiting(demo)
    address = f"/operations/{operation.pk}"
    for name in ("jonas", "tomasz"):
        assert call(name).post(f"{address}/approve/", {"digest": made.DIGEST}).status_code == 200
    operation.refresh_from_db()
    assert operation.status == "queued"
    shown = call("mara").get(f"{address}/signatures/").json()
    assert [(row["signer"]["username"], row["owning"]) for row in shown] == [("jonas", True), ("tomasz", False)]


def test_the_requester_may_not_sign(call, demo):
    operation = made.awaiting(demo, requester=demo.ines)
    answer = call("ines").post(f"/operations/{operation.pk}/approve/", {"digest": made.DIGEST})
    assert refusal(answer) == (403, "approval.not_requester", "signer")
    assert Signature.objects.count() == 0
    assert Decision.objects.filter(allowed=False).count() == 1


def test_another_digest_is_not_signed(call, demo):
    operation = made.awaiting(demo)
    answer = call("jonas").post(f"/operations/{operation.pk}/approve/", {"digest": "sha256:" + "0" * 64})
    assert refusal(answer) == (409, "approval.digest", "digest")
    assert Signature.objects.count() == 0


def test_a_digest_is_always_needed(call, demo):
    operation = made.awaiting(demo)
    assert refusal(call("jonas").post(f"/operations/{operation.pk}/approve/", {})) == (
        422,
        "request.required",
        "digest",
    )
    assert Signature.objects.count() == 0


def test_a_rejection_ends_the_operation_with_its_reason(call, demo):
    operation = made.awaiting(demo)
    body = {"digest": made.DIGEST, "reason": "Too large."}
    shown = call("jonas").post(f"/operations/{operation.pk}/reject/", body).json()
    assert (shown["status"], shown["error"]) == ("rejected", "Too large.")


def test_a_finished_operation_is_neither_cancelled_nor_retried(call, demo):
    operation, mara = made.operation(demo, made.environment(demo)), call("mara")
    for verb, rule in [("cancel", "operation.cancellable"), ("retry", "operation.retryable")]:
        assert refusal(mara.post(f"/operations/{operation.pk}/{verb}/")) == (409, rule, "operation")
    assert Operation.objects.get().status == "succeeded"


def test_a_failed_one_is_retried_and_shows_its_place_in_the_queue(call, demo):
    operation = made.operation(demo, made.environment(demo), status="failed")
    shown = call("mara").post(f"/operations/{operation.pk}/retry/").json()
    assert (shown["status"], shown["queue"]["position"]) == ("queued", 1)
