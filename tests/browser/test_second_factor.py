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
    ana = Window(chromium, by_name)
    devices = ana.context.new_cdp_session(ana.page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    ana.sign_in("ana")
    registers(ana)
    ana.context.clear_cookies()
    ana.sign_in("ana")
    ana.go("/settings/tokens/")
    ana.page.get_by_label("What uses it").fill("Nightly report")
    ana.page.get_by_label("Carries my second factor").check()
    ana.button("Create token").click()
    ana.heading("Enter your second factor")
    ana.shot("71-second-factor", key=True)
    ana.button("Use a security key").click()
    ana.says("Copy Nightly report now.", "read, second factor")
    removes(ana)
    ana.close()


def registers(ana: Window) -> None:
    ana.go("/settings/security/key/")
    ana.page.get_by_label("Name of the key").fill("Blue key")
    ana.button("Register key").click()
    ana.heading("Your recovery codes")
    ana.says("The key is registered. Shown once")
    ana.go("/settings/security/")
    ana.says("Blue key", "Recovery codes")
    ana.shot("70-security", key=True)


def removes(ana: Window) -> None:
    ana.go("/settings/security/")
    ana.button("Remove Blue key").click()
    ana.says("The factor is removed.", "No second factor yet.")
