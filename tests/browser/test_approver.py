"""Prod: asked by one, read and signed by two others, and what each of them is told."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.portal import Portal, fresh
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]


def test_two_approvers_sign_what_the_requester_cannot(window: Open, live: Portal) -> None:
    name = fresh("prod")
    asked = live.to_be_signed(live.requested(name, "prod"))
    page, plan = f"/inbox/{asked['id']}/", asked["digest"].removeprefix("sha256:")[:6]
    requester_sees(window("mara"), page, name, plan)
    jonas = window("jonas")
    jonas.go("/inbox/")
    jonas.shot("11-inbox", key=True)
    jonas.page.get_by_role("link", name=f"Create {name}").first.click()
    jonas.heading(f"Create {name}")
    jonas.says("Plan diff", "+ create", "postgres.database", "Policy findings", "rules pass")
    jonas.shot("12-approval", key=True)
    sign(jonas, plan, "Sizes are as agreed.", "1 of 2")
    tomasz = window("tomasz")
    tomasz.go(page)
    tomasz.says("Jonas Keller", "Sizes are as agreed.")
    sign(tomasz, plan, "Fine for reliability.", "2 of 2")
    live.ended(asked)
    tomasz.go(page)
    tomasz.says("Nothing waits for a signature: it is succeeded.")
    tomasz.shot("13-approval-signed")


def requester_sees(mara: Window, page: str, name: str, plan: str) -> None:
    mara.go(page)
    mara.heading(f"Create {name}")
    mara.says("You asked for this, so you cannot sign it.", "Ines Moreau", "Jonas Keller", "Tomasz Wieczorek", "0 of 2")
    primary = mara.button(f"Approve plan {plan}")
    expect(primary).to_have_attribute("aria-disabled", "true")
    primary.click(force=True)
    mara.says("0 of 2")
    mara.shot("10-approval-own")


def sign(person: Window, plan: str, reason: str, progress: str) -> None:
    person.page.get_by_label("Reason").fill(reason)
    person.button(f"Approve plan {plan}").click()
    expect(person.page.locator("#signing")).to_contain_text(progress)
    person.says(f"signed {plan}", reason)


def test_a_rejection_asks_for_a_reason_and_ends_it(window: Open, live: Portal) -> None:
    asked = live.to_be_signed(live.requested(fresh("rejected"), "prod"))
    ines = window("ines")
    ines.go(f"/inbox/{asked['id']}/")
    ines.button("Reject").click()
    ines.says("A rejection needs a reason.")
    ines.sound()
    ines.page.get_by_label("Reason").fill("Not before the audit.")
    ines.button("Reject").click()
    ines.says("Nothing waits for a signature: it is rejected.", "Not before the audit.")
    assert live.api("mara").get(f"operations/{asked['id']}/")["status"] == "rejected"


@pytest.fixture
def moved_on(live: Portal) -> tuple[str, str]:
    """A promotion that waits in prod, where the release before it is about to be rolled back."""
    dev, prod = live.running(fresh("line-dev")), live.running(fresh("line-prod"), "prod")
    releases = [live.release(fresh("1.0")) for _ in range(3)]
    for release in releases:
        live.ended(live.ask("deploy", dev, release=release["id"]))
        asked = live.ask("promote", prod, release=release["id"])
        if release is not releases[-1]:
            live.signed(asked, "jonas", "tomasz")
            live.ended(asked)
    return live.to_be_signed(asked)["id"], prod["id"]


def test_a_plan_that_changed_after_it_was_opened_is_not_signed(
    window: Open, live: Portal, moved_on: tuple[str, str]
) -> None:
    operation, prod = {"id": moved_on[0]}, {"id": moved_on[1]}
    old = live.to_be_signed(operation)["digest"].removeprefix("sha256:")[:6]
    ines = window("ines")
    ines.go(f"/inbox/{operation['id']}/")
    live.ended(live.ask("rollback", prod))
    live.signed(operation, "jonas", "tomasz")
    path = f"operations/{operation['id']}/"
    new = live.api("mara").until(path, "status", "awaiting_approval")["digest"].removeprefix("sha256:")[:6]
    with ines.page.expect_response(lambda answer: answer.url.endswith("/decide/")) as told:
        ines.button(f"Approve plan {old}").click()
    assert told.value.status == 409
    ines.says(
        f"The plan changed from {old} to {new} after you opened it. Nothing was signed.",
        f"What differs between {old} and {new}",
    )
    ines.shot("14-approval-changed", key=True)
