"""What a developer does in a day: ask for an environment, watch it come, use it, keep it."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.portal import Portal, fresh
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]


def test_a_developer_asks_and_watches_it_come(window: Open) -> None:
    mara, name = window(), fresh("refunds")
    mara.go("/signin/")
    mara.shot("01-signin")
    mara.sign_in("mara")
    to_the_form(mara)
    fill_in(mara, name)
    mara.button(f"Request {name}").click()
    watch(mara, f"Create {name}")
    mara.page.get_by_role("link", name="Environment", exact=True).click()
    mara.heading(name)
    mara.shot("07-environment", key=True)
    mara.page.locator(f"a[href^='http://{name}.localhost']").click()
    expect(mara.page.locator("body")).to_contain_text("Hello from Berth")
    mara.go("/")
    mara.says("My environments")
    mara.shot("02-home", key=True)


def to_the_form(mara: Window) -> None:
    mara.page.get_by_role("link", name="Request environment").click()
    mara.heading("Catalogue")
    mara.shot("03-catalogue", key=True)
    mara.page.get_by_role("link", name="Web service with Postgres", exact=True).click()
    mara.heading("Web service with Postgres")
    mara.shot("04-template", key=True)
    mara.page.get_by_role("link", name="Request from web-service 1.0.0").click()
    mara.heading("Request a Web service with Postgres environment")


def fill_in(mara: Window, name: str) -> None:
    """The side panel answers while she types, without a reload."""
    side = mara.page.locator("#side")
    mara.page.evaluate("window.stayed = true")
    mara.page.get_by_label("Service", exact=True).select_option("payments-api")
    mara.page.get_by_label("Name", exact=True).fill("Refunds 2")
    for place in ("#request-note", "#side", "#id_name_says"):
        expect(mara.page.locator(place)).to_contain_text("The name Refunds 2 has capital letters.")
    expect(mara.page.locator("#side")).to_contain_text("field environment.name = Refunds 2")
    mara.shot("05-request-refused")
    mara.page.get_by_label("Name", exact=True).fill(name)
    mara.page.get_by_text("prod", exact=True).click()
    expect(side).to_contain_text("2 signatures, 1 of the owning team")
    expect(side).to_contain_text("Ines Moreau, Jonas Keller, Tomasz Wieczorek. You cannot sign your own.")
    mara.page.locator(".cards label", has_text="4 vCPU").click()
    expect(side).to_contain_text("€11.34 a day while running")
    mara.page.get_by_text("dev", exact=True).click()
    expect(side).to_contain_text("Nobody. It starts as soon as a worker is free.")
    mara.page.get_by_label("Why").fill("Refunds with the new card network.")
    expect(mara.button(f"Request {name}")).to_be_visible()
    mara.shot("05-request", key=True)
    assert mara.page.evaluate("window.stayed")


def watch(mara: Window, title: str) -> None:
    """The log grows and the state ends without a reload."""
    mara.heading(title)
    mara.page.evaluate("window.stayed = true")
    expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded", timeout=60_000)
    expect(mara.page.locator("#log")).to_contain_text("answers")
    assert mara.page.evaluate("window.stayed")
    mara.shot("06-operation", key=True)


def test_secrets_are_shown_only_with_a_reason(window: Open, live: Portal) -> None:
    made, mara = live.running(fresh("secrets")), window("mara")
    mara.go(f"/environments/{made['id']}/secrets/")
    mara.shot("08-secrets")
    mara.page.get_by_label("Why you need database").fill("To look at a stuck refund.")
    mara.button("Reveal database").click()
    mara.heading(f"database of {made['name']}")
    mara.says("Shown once, and recorded.", "password")
    assert "to-look" not in mara.page.url
    mara.sound()
    mara.page.get_by_role("link", name="Done, hide it").click()
    assert mara.page.locator(".secret").count() == 0
    mara.go(f"/environments/{made['id']}/history/")
    mara.says("secret.revealed", "To look at a stuck refund.")


def test_an_environment_is_extended_suspended_and_resumed(window: Open, live: Portal) -> None:
    made, mara = live.running(fresh("keep")), window("mara")
    mara.go(f"/environments/{made['id']}/")
    mara.button("Extend 7 days").click()
    mara.says("20 d")
    for act, pill, words in (("Suspend", "Suspended", "is suspended"), ("Resume", "Running", "Hello from Berth")):
        mara.go(f"/environments/{made['id']}/")
        mara.button(act).click()
        mara.heading(f"{act} {made['name']}")
        expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded")
        mara.go(f"/environments/{made['id']}/")
        expect(mara.page.locator(".title-facts")).to_contain_text(pill)
        mara.go(made["outputs"]["url"])
        expect(mara.page.locator("body")).to_contain_text(words)


def test_every_page_of_an_environment_is_sound(window: Open, live: Portal) -> None:
    made, mara = live.running(fresh("a-name-that-is-longer-than-most-people-choose")), window("mara")
    pages: dict[str, Any] = {"operations": "Operations", "releases": "", "history": "", "settings": "Change parameters"}
    for tab, words in pages.items():
        mara.go(f"/environments/{made['id']}/{tab}/")
        mara.says(words)
        mara.shot(f"09-environment-{tab}")
