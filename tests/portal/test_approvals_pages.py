"""The inbox and signing: exactly the digest that was shown, never by the requester, and every refusal in full."""

import pytest
from django.urls import reverse

from audit.context import context
from policies.models import Signature
from provisioning.models import Operation
from tests.people import Demo
from tests.portal.visits import signed_in
from tests.provisioning import engine


@pytest.fixture
def waiting(demo: Demo) -> Operation:
    """Mara's creation in prod, planned, with nobody's signature yet."""
    operation = engine.requested(demo, name="payments-api-prod", tier="prod")
    engine.drain()
    operation.refresh_from_db()
    assert operation.status == "awaiting_approval", (operation.status, operation.error)
    return operation


def decide(client: object, operation: Operation, **fields: str) -> object:
    fields = {"digest": operation.change_digest, "decision": "approve", **fields}
    return client.post(reverse("approval_decide", args=[operation.pk]), fields)  # type: ignore[attr-defined]


def test_the_inbox_lists_what_a_signer_may_sign(demo: Demo, waiting: Operation) -> None:
    text = signed_in(demo.tomasz).get(reverse("inbox")).content.decode()
    assert "Create payments-api-prod" in text
    assert "0 of 2" in text


def test_the_requester_sees_it_among_what_others_sign(demo: Demo, waiting: Operation) -> None:
    text = signed_in(demo.mara).get(reverse("inbox")).content.decode()
    assert "Nothing waits for you." in text
    asked = signed_in(demo.mara).get(reverse("inbox") + "?scope=asked").content.decode()
    assert "Create payments-api-prod" in asked
    assert "Waits for Ines, Jonas or Tomasz to sign" in asked


def test_the_requester_reads_who_can_sign_instead(demo: Demo, waiting: Operation) -> None:
    text = signed_in(demo.mara).get(reverse("approval", args=[waiting.pk])).content.decode()
    assert "You asked for this, so you cannot sign it. Ines or Jonas or Tomasz can." in text
    assert 'value="approve"' not in text


def test_the_requester_who_posts_anyway_is_refused_and_nothing_is_signed(demo: Demo, waiting: Operation) -> None:
    answer = decide(signed_in(demo.mara), waiting)
    assert answer.status_code == 403
    assert "approval.not_requester" in answer.content.decode()
    assert not Signature.objects.exists()


def test_a_signature_is_given_to_the_digest_on_the_page(demo: Demo, waiting: Operation) -> None:
    client = signed_in(demo.jonas)
    page = client.get(reverse("approval", args=[waiting.pk])).content.decode()
    assert f'name="digest" value="{waiting.change_digest}"' in page
    answer = decide(client, waiting, reason="Rehearsed in stage")
    assert (answer.status_code, answer["Location"]) == (302, reverse("approval", args=[waiting.pk]))
    signature = Signature.objects.get()
    assert (signature.signer, signature.digest, signature.reason) == (
        demo.jonas,
        waiting.change_digest,
        "Rehearsed in stage",
    )


def test_two_signatures_queue_it(demo: Demo, waiting: Operation) -> None:
    decide(signed_in(demo.jonas), waiting)
    decide(signed_in(demo.tomasz), waiting)
    waiting.refresh_from_db()
    assert waiting.status == "queued"


def test_a_plan_that_changed_meanwhile_shows_what_differs_and_signs_nothing(demo: Demo, waiting: Operation) -> None:
    seen = waiting.change_digest
    plan = {**waiting.plan, "parameters": {**waiting.plan["parameters"], "size": "L"}}
    with context(by="system:test"):
        Operation.objects.filter(pk=waiting.pk).update(change_digest="sha256:" + "7" * 64, plan=plan)
    answer = decide(signed_in(demo.jonas), waiting, digest=seen)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert f"The plan changed from {seen[7:13]} to 777777 after you opened it. Nothing was signed." in text
    assert f"What differs between {seen[7:13]} and 777777" in text
    assert "value.size: " in text
    assert not Signature.objects.exists()


def test_a_rejection_needs_a_reason(demo: Demo, waiting: Operation) -> None:
    answer = decide(signed_in(demo.jonas), waiting, decision="reject")
    assert answer.status_code == 422
    assert "A rejection needs a reason." in answer.content.decode()
    assert not Signature.objects.exists()


def test_a_rejection_ends_it(demo: Demo, waiting: Operation) -> None:
    decide(signed_in(demo.jonas), waiting, decision="reject", reason="No load test")
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error) == ("rejected", "No load test")
    text = signed_in(demo.mara).get(reverse("operation", args=[waiting.pk])).content.decode()
    assert "No load test" in text


def test_an_unknown_decision_is_refused(demo: Demo, waiting: Operation) -> None:
    answer = decide(signed_in(demo.jonas), waiting, decision="maybe")
    assert answer.status_code == 422
    assert not Signature.objects.exists()


def test_a_signer_of_another_team_sees_the_plan_but_no_link_to_the_environment(demo: Demo, waiting: Operation) -> None:
    text = signed_in(demo.tomasz).get(reverse("operation", args=[waiting.pk])).content.decode()
    assert "Read and sign" in text
    assert f'class="btn" href="{reverse("environment", args=[waiting.environment_id])}"' not in text
