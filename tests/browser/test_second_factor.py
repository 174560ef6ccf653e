"""A security key in a real browser: registered, and asked for in the middle of a form of which nothing is lost."""

from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Browser

from tests.browser.portal import Portal
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_key_is_registered_and_then_asked_for_where_a_token_shall_carry_it(live: Portal, chromium: Browser) -> None:
    by_name = replace(live, url=live.url.replace("127.0.0.1", "localhost"), sessions={})
    vera = Window(chromium, by_name)
    devices = vera.context.new_cdp_session(vera.page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    vera.sign_in("vera")
    registers(vera)
    vera.context.clear_cookies()
    vera.sign_in("vera")
    vera.go("/settings/tokens/")
    vera.page.get_by_label("What uses it").fill("Nightly report")
    vera.page.get_by_label("Carries my second factor").check()
    vera.button("Create token").click()
    vera.heading("Enter your second factor")
    vera.shot("71-second-factor", key=True)
    vera.button("Use a security key").click()
    vera.says("Copy Nightly report now.", "read, second factor")
    removes(vera)
    vera.close()


def registers(vera: Window) -> None:
    vera.go("/settings/security/key/")
    vera.page.get_by_label("Name of the key").fill("Blue key")
    vera.button("Register key").click()
    vera.heading("Your recovery codes")
    vera.says("The key is registered. Shown once")
    vera.go("/settings/security/")
    vera.says("Blue key", "Recovery codes")
    vera.shot("70-security", key=True)


def removes(vera: Window) -> None:
    vera.go("/settings/security/")
    vera.button("Remove Blue key").click()
    vera.says("The factor is removed.", "No second factor yet.")
