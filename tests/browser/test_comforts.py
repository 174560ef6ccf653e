"""The same work by keyboard alone, without script, and when the stream is lost."""

import json
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.portal import Portal, fresh
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]
FOCUSED = "(document.activeElement.innerText || document.activeElement.ariaLabel || '').trim()"


def tab_to(who: Window, name: str, most: int = 80) -> None:
    """Press Tab until the element of that name has the focus, and see that the focus can be seen."""
    for _ in range(most):
        who.page.keyboard.press("Tab")
        if who.page.evaluate(FOCUSED) == name:
            style = who.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid"
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_the_keyboard_alone_reaches_the_first_step(window: Open) -> None:
    mara = window("mara")
    mara.page.keyboard.press("Tab")
    assert mara.page.evaluate(FOCUSED) == "Skip to content"
    mara.page.keyboard.press("Enter")
    tab_to(mara, "Request environment", 3)
    mara.page.keyboard.press("Enter")
    mara.heading("Catalogue")
    tab_to(mara, "Web service with Postgres")
    mara.page.keyboard.press("Enter")
    mara.heading("Web service with Postgres")
    tab_to(mara, "Request from web-service 1.0.0")
    mara.page.keyboard.press("Enter")
    mara.heading("Request a Web service with Postgres environment")


def test_shortcuts_search_list_and_lead_away(window: Open) -> None:
    mara = window("mara")
    mara.page.keyboard.press("/")
    expect(mara.page.locator("[data-search]")).to_be_focused()
    mara.page.keyboard.type("ledger")
    mara.page.keyboard.press("Enter")
    mara.heading("Results for “ledger”")
    mara.shot("40-search")
    mara.page.keyboard.press("?")
    expect(mara.page.get_by_role("heading", name="Shortcuts")).to_be_visible()
    mara.sound()
    mara.page.keyboard.press("Escape")
    expect(mara.page.get_by_role("heading", name="Shortcuts")).to_be_hidden()
    for key, heading in (("p", "Pipelines"), ("h", "Home")):
        mara.page.keyboard.press("g")
        mara.page.keyboard.press(key)
        mara.heading(heading)


def test_a_request_works_without_script(window: Open) -> None:
    mara, name = window("mara", java_script_enabled=False), fresh("plain")
    mara.go("/catalogue/web-service/request/")
    mara.page.get_by_label("Service", exact=True).select_option("payments-api")
    mara.page.get_by_label("Name", exact=True).fill("Not a name")
    mara.button("Check").click()
    mara.says("The name Not a name has capital letters")
    mara.page.get_by_label("Name", exact=True).fill(name)
    mara.page.locator("form#request button").first.click()
    mara.heading(f"Create {name}")
    expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded", timeout=60_000)
    mara.says("answers")


def test_a_lost_stream_is_said_and_the_page_still_follows(window: Open, live: Portal) -> None:
    mara = window("mara")
    mara.context.route("**/streams/**", lambda route: route.abort())
    asked = live.to_be_signed(live.requested(fresh("stream"), "prod"))
    mara.go(f"/operations/{asked['id']}/?tab=log")
    expect(mara.page.locator(".strip")).to_contain_text("Live updates stopped. Reloading every 5 s.")
    live.signed(asked, "jonas", "tomasz")
    expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded", timeout=60_000)


def test_a_chosen_time_zone_holds_on_every_page(window: Open) -> None:
    priya = window("priya")
    priya.go("/settings/")
    priya.page.get_by_label("Show times in").select_option("Asia/Kolkata")
    priya.button("Save time zone").click()
    expect(priya.page.locator(".strip")).to_contain_text("IST")
    priya.shot("41-settings")


def test_a_token_is_shown_once(window: Open, live: Portal) -> None:
    jonas = window("jonas")
    jonas.go("/settings/tokens/")
    jonas.page.get_by_label("What uses it").fill("nightly report")
    jonas.button("Create token").click()
    jonas.says("Copy nightly report now.")
    jonas.sound()
    value = jonas.page.locator(".secret").inner_text()
    jonas.go("/settings/tokens/")
    assert value not in jonas.page.content()
    answer = jonas.context.request.get(f"{live.url}/api/v1/me/", headers={"Authorization": f"Bearer {value}"})
    assert json.loads(answer.text())["username"] == "jonas"
    jonas.shot("42-tokens")
