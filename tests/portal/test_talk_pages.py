"""Asking, answering, changing and commenting in the browser; the whole thread stays to be read."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from policies.models import BrokenGlass, Comment, Signature, User
from portal.presenters.talk import said
from provisioning.models import Hold, Operation
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import signed_in
from tests.provisioning import engine
from tests.second_factors import enrolled


@pytest.fixture
def waiting(demo: Demo) -> Operation:
    operation = engine.requested(demo, name="payments-api-prod", tier="prod")
    engine.drain()
    return Operation.objects.get(pk=operation.pk)


@pytest.fixture
def held(demo: Demo) -> Operation:
    return made.held(demo)


def post(user: object, route: str, operation: Operation, **fields: str) -> object:
    return signed_in(user).post(reverse(route, args=[operation.pk]), fields)  # type: ignore[arg-type]


def with_factor(user: User) -> Client:
    """A browser in which this person entered a second factor just now."""
    client, factor = signed_in(user), enrolled(user)
    session = client.session
    now = timezone.now().isoformat()
    session["second_factor"] = {"user": user.pk, "method": "webauthn", "at": now, "factor": factor.pk}
    session.save()
    return client


def read(user: object, operation: Operation, route: str = "approval") -> str:
    return signed_in(user).get(reverse(route, args=[operation.pk])).content.decode()  # type: ignore[arg-type]


@pytest.mark.parametrize(("decision", "kind"), [("ask", "question"), ("return", "back")])
def test_a_signer_asks_or_sends_back(demo: Demo, waiting: Operation, decision: str, kind: str) -> None:
    fields = {"digest": waiting.change_digest, "decision": decision, "reason": "Who is on call?"}
    assert post(demo.jonas, "approval_decide", waiting, **fields).status_code == 302  # type: ignore[attr-defined]
    assert Hold.objects.get().kind == kind
    assert not Signature.objects.exists()
    text = read(demo.mara, waiting)
    assert "Who is on call?" in text
    assert "Change the request" in text


def test_a_question_without_words_is_refused_on_the_page(demo: Demo, waiting: Operation) -> None:
    fields = {"digest": waiting.change_digest, "decision": "ask", "reason": " "}
    answer = post(demo.jonas, "approval_decide", waiting, **fields)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert not Hold.objects.exists()


def test_the_requester_answers_and_everybody_reads_it(demo: Demo, held: Operation) -> None:
    post(demo.mara, "approval_answer", held, text="It is a trial.")
    text = read(demo.jonas, held)
    assert "It is a trial." in text
    assert "<b>Mara</b> answered" in text
    assert "<b>Jonas</b> sent back" in text


def test_others_see_whom_it_waits_for_and_no_answer_form(demo: Demo, held: Operation) -> None:
    text = read(demo.vera, held)
    assert "Waits for Mara to answer. Nobody can sign meanwhile." in text
    assert reverse("approval_answer", args=[held.pk]) not in text


def test_the_requester_changes_the_request(demo: Demo, held: Operation) -> None:
    assert "Is L not too large?" in read(demo.mara, held, "approval_edit")
    answer = post(demo.mara, "approval_edit", held, **{"p-size": "M", "p-greeting": "hello", "reason": "Right."})
    assert answer.status_code == 302  # type: ignore[attr-defined]
    held.refresh_from_db()
    assert (held.status, held.arguments["parameters"]["size"]) == ("requested", "M")


def test_a_change_that_does_not_fit_comes_back_with_its_reason(demo: Demo, held: Operation) -> None:
    answer = post(demo.mara, "approval_edit", held, **{"p-size": "XXL", "p-greeting": "hello"})
    assert answer.status_code == 422  # type: ignore[attr-defined]
    held.refresh_from_db()
    assert held.status == "held"


def test_a_comment_is_shown_and_never_as_markup(demo: Demo, held: Operation) -> None:
    post(demo.vera, "approval_comment", held, text="<script>alert(1)</script> @jonas look")
    for route in ("approval", "operation"):
        text = read(demo.mara, held, route) if route == "approval" else tab(demo.mara, held)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert '<b class="mention">@jonas</b> look' in text
        assert "<script>alert" not in text


def tab(user: object, operation: Operation) -> str:
    address = reverse("operation_tab", args=[operation.pk, "approvals"])
    return signed_in(user).get(address).content.decode()  # type: ignore[arg-type]


def test_a_comment_that_nobody_could_hear_comes_back(demo: Demo, held: Operation) -> None:
    answer = post(demo.mara, "approval_comment", held, text="@olaf look")
    assert answer.status_code == 422  # type: ignore[attr-defined]
    text = answer.content.decode()  # type: ignore[attr-defined]
    assert "@olaf cannot see" in text
    assert "@olaf look</textarea>" in text
    assert not Comment.objects.exists()


def test_after_a_comment_one_stays_on_this_site(demo: Demo, held: Operation) -> None:
    answer = post(demo.mara, "approval_comment", held, text="Look.", next="https://elsewhere.example/")
    assert answer["Location"].startswith("/inbox/")  # type: ignore[index]


def test_void_signatures_stay_in_the_thread(demo: Demo, waiting: Operation) -> None:
    fields = {"digest": waiting.change_digest, "reason": "Fine."}
    post(demo.jonas, "approval_decide", waiting, decision="approve", **fields)
    post(demo.ines, "approval_decide", waiting, decision="return", **(fields | {"reason": "Smaller."}))
    post(demo.mara, "approval_edit", waiting, **{"p-size": "M", "p-greeting": "hello"})
    text = tab(demo.mara, waiting)
    assert "Mara changed what was asked: size." in text
    assert "Smaller." in text


def test_the_environment_says_whom_its_change_waits_for(demo: Demo, held: Operation) -> None:
    address = reverse("environment", args=[held.environment_id])
    assert "Waits for Mara to answer" in signed_in(demo.vera).get(address).content.decode()
    listed = signed_in(demo.vera).get(reverse("environments")).content.decode()
    assert "Waits for Mara to answer" in listed


def test_home_asks_for_the_answer(demo: Demo, held: Operation) -> None:
    assert "Change payments-api-held is held until you answer" in signed_in(demo.mara).get("/").content.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("one\ntwo", "one<br>two"),
        ("@ann.b and @ann", '@ann.b and <b class="mention">@ann</b>'),
        ('"@ann".', '&quot;<b class="mention">@ann</b>&quot;.'),
        ("x@ann", "x@ann"),
    ],
)
def test_words_are_escaped_and_only_known_names_stand_out(text: str, shown: str) -> None:
    assert said(text, ["ann"]) == shown


def test_an_emergency_is_reviewed_by_a_second_person_from_the_inbox(demo: Demo, waiting: Operation) -> None:
    fields = {"digest": waiting.change_digest, "decision": "break", "reason": "Cards are refused."}
    with_factor(demo.ines).post(reverse("approval_decide", args=[waiting.pk]), fields)
    waiting.refresh_from_db()
    assert waiting.status == "queued"
    assert "Review what went ahead" in signed_in(demo.jonas).get(reverse("inbox")).content.decode()
    assert "Review what went ahead" not in signed_in(demo.ines).get(reverse("inbox")).content.decode()
    assert post(demo.ines, "approval_review", waiting, text="Fine.").status_code == 403  # type: ignore[attr-defined]
    post(demo.jonas, "approval_review", waiting, text="It was right.")
    assert BrokenGlass.objects.get().review == "It was right."
    assert "reviewed the emergency" in read(demo.mara, waiting)


def test_who_may_not_break_the_glass_gets_no_form_and_a_refusal(demo: Demo, waiting: Operation) -> None:
    assert 'value="break"' in read(demo.ines, waiting)
    assert 'value="break"' not in read(demo.jonas, waiting)
    fields = {"digest": waiting.change_digest, "decision": "break", "reason": "Cards are refused."}
    assert post(demo.jonas, "approval_decide", waiting, **fields).status_code == 403  # type: ignore[attr-defined]
    assert not BrokenGlass.objects.exists()
