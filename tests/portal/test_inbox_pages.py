"""The inbox: riskiest first, whose turn it is and since when, filters, tabs, and like plans signed together."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from policies.models import Signature
from provisioning import inbox
from provisioning.actions.hold import Say, hold
from provisioning.models import Operation
from provisioning.risk import Risk
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import signed_in
from tests.provisioning import engine


def pending(demo: Demo, name: str, **fields: object) -> Operation:
    """An update that waits for its signers, of an environment of its own."""
    where = made.environment(demo, name, tier=str(fields.pop("tier", "prod")))
    usual = {"kind": "update", "status": "awaiting_approval", **made.SIGNING}
    return made.operation(demo, where, **{**usual, **fields})


def alike(demo: Demo, *names: str, **fields: object) -> list[Operation]:
    """Updates that make the same change, each under a digest of its own."""
    found = []
    for at, name in enumerate(names):
        after = {"cpu": 2, "role": f"env_{name.replace('-', '_')}"}
        change = {"address": f"pod/{name}", "action": "change", "before": {"cpu": 1}, "after": after}
        plan = {"kind": "update", "name": name, "environment": str(at), "parameters": {}, "changes": [change]}
        digest = "sha256:" + str(at) * 64
        found.append(pending(demo, name, plan=plan, change_digest=digest, **fields))
    return found


def text_of(user: object, address: str) -> str:
    return signed_in(user).get(address).content.decode()  # type: ignore[arg-type]


def test_the_riskiest_comes_first_then_the_oldest(demo: Demo) -> None:
    old = pending(demo, "a-old", risk=5)
    new, worst = pending(demo, "b-new", risk=5), pending(demo, "c-worst", risk=900)
    with context(by="system:test"):
        Operation.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert list(inbox.to_sign(demo.jonas)) == [worst, old, new]
    text = text_of(demo.jonas, reverse("inbox"))
    assert text.index("c-worst") < text.index("a-old") < text.index("b-new")


def test_planning_keeps_the_risk_with_the_operation(demo: Demo) -> None:
    operation = engine.requested(demo, name="payments-api-prod", tier="prod")
    engine.drain()
    operation.refresh_from_db()
    assert operation.risk == Risk(is_prod=True, cost=36).score


def test_each_row_says_whom_it_waits_for_and_its_age(demo: Demo) -> None:
    pending(demo, "payments-api-prod", awaiting_since=timezone.now() - timedelta(minutes=51))
    text = text_of(demo.jonas, reverse("inbox"))
    assert "Waits for you, Ines or Tomasz to sign" in text
    assert ">51 min</time>" in text


def test_what_one_signed_waits_for_others(demo: Demo) -> None:
    operation = pending(demo, "payments-api-prod", plan={"changes": []})
    page = {"digest": operation.change_digest, "decision": "approve"}
    signed_in(demo.jonas).post(reverse("approval_decide", args=[operation.pk]), page)
    assert (inbox.to_sign(demo.jonas).count(), inbox.of_others(demo.jonas).count()) == (0, 1)
    assert "Waits for Ines or Tomasz to sign" in text_of(demo.jonas, reverse("inbox") + "?scope=others")


def test_the_number_of_what_waits_for_others_is_that_of_its_rows(demo: Demo) -> None:
    for name in ("payments-api-prod", "payments-api-two"):
        pending(demo, name)
    asked = pending(demo, "payments-api-three")
    hold(by=demo.jonas, operation=asked, say=Say(asked.change_digest, "Who is on call?"))
    operation = pending(demo, "payments-api-four", plan={"changes": []})
    page = {"digest": operation.change_digest, "decision": "approve"}
    signed_in(demo.jonas).post(reverse("approval_decide", args=[operation.pk]), page)
    found = {}
    for person in (demo.mara, demo.jonas, demo.ines, demo.vera, demo.olaf):
        signs, rows = inbox.to_sign(person).count(), inbox.of_others(person).count()
        found[str(person)] = (signs, rows)
        assert inbox.count_of_others(person, signs) == rows, person
    assert found == {"Mara": (0, 0), "Jonas": (2, 2), "Ines": (3, 1), "Vera": (0, 4), "Olaf": (0, 0)}


def test_a_question_waits_for_who_asked_and_for_nobody_else(demo: Demo) -> None:
    operation = pending(demo, "payments-api-prod")
    hold(by=demo.jonas, operation=operation, say=Say(operation.change_digest, "Who is on call?"))
    text = text_of(demo.mara, reverse("inbox"))
    assert "Answer first" in text
    assert "Waits for you to answer" in text
    assert "Who is on call?" in text
    assert inbox.to_sign(demo.ines).count() == 0


def test_the_filters_narrow_and_stay_in_the_address(demo: Demo) -> None:
    pending(demo, "payments-api-prod")
    pending(demo, "payments-api-stage", tier="stage")
    for query, here, gone in [
        ("tier=stage", "payments-api-stage", "payments-api-prod"),
        ("q=api-prod", "payments-api-prod", "payments-api-stage"),
        ("kind=destroy", "No plan matches these filters.", "payments-api-prod"),
    ]:
        text = text_of(demo.jonas, f"{reverse('inbox')}?{query}")
        assert here in text
        assert f"Change {gone}" not in text


@pytest.mark.parametrize("query", ["page=x", "scope=nobody", "op=x", "q=%00", "tier=none", "q=op-zz", "team=-"])
def test_an_odd_address_is_no_error(demo: Demo, query: str) -> None:
    assert signed_in(demo.jonas).get(f"{reverse('inbox')}?{query}").status_code == 200


def test_a_number_finds_its_operation(demo: Demo) -> None:
    operation = pending(demo, "payments-api-prod")
    text = text_of(demo.jonas, f"{reverse('inbox')}?q={operation.short_id}")
    assert "Change payments-api-prod" in text


def test_one_plan_stands_beside_the_list(demo: Demo) -> None:
    operation = alike(demo, "payments-api-prod")[0]
    address = f"{reverse('inbox')}?op={operation.pk}"
    assert "pod/payments-api-prod" in text_of(demo.jonas, address)
    part = signed_in(demo.jonas).get(address, headers={"HX-Request": "true", "HX-Target": "beside"})
    assert "<html" not in part.content.decode()
    assert signed_in(demo.olaf).get(address).status_code == 404


def test_the_menu_counts_what_waits_for_this_person(demo: Demo) -> None:
    operation = pending(demo, "payments-api-prod")
    pending(demo, "payments-api-two")
    hold(by=demo.jonas, operation=operation, say=Say(operation.change_digest, "Why?"))
    assert '<span class="n n-wait">1</span>' in text_of(demo.jonas, reverse("inbox"))
    assert '<span class="n n-wait">1</span>' in text_of(demo.mara, reverse("inbox"))


def test_the_inbox_costs_the_same_for_any_number(
    demo: Demo, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for at in range(30):
        pending(demo, f"payments-api-p{at}")
    client = signed_in(demo.jonas)
    client.get("/shortcuts/")
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        assert client.get(reverse("inbox")).status_code == 200


def test_like_plans_are_shown_together_each_with_its_digest(demo: Demo) -> None:
    first, second = alike(demo, "api-a", "api-b")
    other = pending(demo, "api-c", plan={"changes": [{"address": "pod/api-c", "action": "destroy"}]})
    text = text_of(demo.jonas, f"{reverse('inbox_bulk')}?like={first.pk}")
    assert f"{first.pk}@{first.change_digest}" in text
    assert f"{second.pk}@{second.change_digest}" in text
    assert str(other.pk) not in text
    assert "2 alike" in text_of(demo.jonas, reverse("inbox"))


def test_a_chosen_plan_that_differs_is_left_out_and_said(demo: Demo) -> None:
    first, second = alike(demo, "api-a", "api-b")
    other = pending(demo, "api-c", plan={"changes": []})
    chosen = f"op={first.pk}&op={second.pk}&op={other.pk}"
    text = text_of(demo.jonas, f"{reverse('inbox_bulk')}?{chosen}")
    assert "1 is left out:" in text
    assert f"{other.pk}@" not in text


def test_each_like_plan_is_signed_under_its_own_digest(demo: Demo) -> None:
    found = alike(demo, "api-a", "api-b")
    chosen = {"plan": [f"{row.pk}@{row.change_digest}" for row in found], "reason": "Both rehearsed."}
    text = signed_in(demo.jonas).post(reverse("inbox_bulk_approve"), chosen).content.decode()
    assert "2 plans signed" in text
    signed = Signature.objects.values_list("subject", "digest", "signer__username", "reason")
    assert set(signed) == {(row.ref, row.change_digest, "jonas", "Both rehearsed.") for row in found}


def test_a_plan_that_changed_meanwhile_is_left_out_and_said(demo: Demo) -> None:
    first, second = alike(demo, "api-a", "api-b")
    chosen = {"plan": [f"{first.pk}@{first.change_digest}", f"{second.pk}@sha256:old"]}
    text = signed_in(demo.jonas).post(reverse("inbox_bulk_approve"), chosen).content.decode()
    assert "1 plan signed, 1 left out" in text
    assert "approval.digest" in text
    assert list(Signature.objects.values_list("subject", flat=True)) == [first.ref]


def test_an_unlike_plan_that_is_sent_along_is_not_signed(demo: Demo) -> None:
    first, other = alike(demo, "api-a")[0], pending(demo, "api-c", plan={"changes": []})
    chosen = {"plan": [f"{row.pk}@{row.change_digest}" for row in (first, other)]}
    text = signed_in(demo.jonas).post(reverse("inbox_bulk_approve"), chosen).content.decode()
    assert "approval.alike" in text
    assert list(Signature.objects.values_list("subject", flat=True)) == [first.ref]


def test_nothing_chosen_and_nothing_visible_sign_nothing(demo: Demo) -> None:
    first = alike(demo, "api-a")[0]
    client = signed_in(demo.olaf)
    for plans in [[], ["x"], [f"{uuid4()}@x"], [f"{first.pk}@{first.change_digest}"]]:
        assert client.post(reverse("inbox_bulk_approve"), {"plan": plans}).status_code == 422
    assert not Signature.objects.exists()


def test_who_may_not_sign_signs_none_of_them(demo: Demo) -> None:
    found = alike(demo, "api-a", "api-b")
    chosen = {"plan": [f"{row.pk}@{row.change_digest}" for row in found]}
    text = signed_in(demo.mara).post(reverse("inbox_bulk_approve"), chosen).content.decode()
    assert "0 plans signed, 2 left out" in text
    assert not Signature.objects.exists()


def test_names_alone_do_not_make_plans_differ_and_parameters_do(demo: Demo) -> None:
    first, second = alike(demo, "api-a", "api-b")
    assert inbox.likeness(first) == inbox.likeness(second)
    second.plan = {**second.plan, "parameters": {"size": "L"}}
    assert inbox.likeness(first) != inbox.likeness(second)
