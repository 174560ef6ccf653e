"""One person's browser window: where it goes, what it must never show, and the pictures it takes."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect

from tests.browser.portal import Portal
from tests.processes import ROOT

SHOTS = ROOT / "var" / "screenshots"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 20_000
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HEIGHT = "document.documentElement.scrollHeight"
expect.set_options(timeout=PATIENCE)


MARKS = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]


class Window:
    """A context of its own: cookies, console and size."""

    def __init__(self, browser: Browser, portal: Portal, **options: Any) -> None:
        self.portal = portal
        self.context = browser.new_context(viewport=WIDE, color_scheme="light", **options)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # The browser notes every refused request; whether one may be refused is judged by _answered.
        # An answer that is overtaken by the next keystroke is dropped, which htmx reports as an abort.
        known = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest", "htmx:sseError")
        if message.type in {"error", "warning"} and not message.text.startswith(known):
            self.complaints.append(message.text)

    def _answered(self, answer: Response) -> None:
        if answer.status >= 500 or (answer.status >= 400 and "/static/" in answer.url):
            self.complaints.append(f"{answer.status} {answer.url}")

    def sign_in(self, name: str) -> "Window":
        """By the form, as people do."""
        self.go("/signin/")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(self.portal.passwords[name])
        self.page.locator("form[action='/signin/'] button").click()
        self.heading("Home")
        self.portal.sessions[name] = self.context.storage_state()
        return self

    def go(self, path: str) -> None:
        """To an address of the portal."""
        self.page.goto(path if path.startswith("http") else f"{self.portal.url}{path}")

    def sound(self) -> None:
        """Nothing in the console, no axe violation, no sideways scroll at 390 and 1440, with the styles there."""
        self.page.wait_for_load_state("load")
        for size in (NARROW, WIDE):
            self.page.set_viewport_size(size)
            assert self.page.evaluate(TOO_WIDE) <= 0, f"{self.page.url} is too wide at {size['width']}"
        found = Axe().run(self.page)
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"
        assert not self.complaints, f"{self.page.url}: {self.complaints}"

    def shot(self, name: str, *, key: bool = False) -> None:
        """A picture, checked; a key page also dark and narrow."""
        self.sound()
        SHOTS.mkdir(parents=True, exist_ok=True)
        for scheme, size in _looks(key):
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size(size)
            place = SHOTS / f"{name}-{size['width']}-{scheme}.png"
            # As tall as the page, since the strip at the foot of the window would lie across the middle of it.
            self.page.set_viewport_size({**size, "height": max(size["height"], self.page.evaluate(HEIGHT))})
            self.page.screenshot(path=place, animations="disabled")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(WIDE)

    def button(self, name: str | re.Pattern[str]) -> Any:
        """The one button of that name."""
        return self.page.get_by_role("button", name=name)

    def heading(self, text: str) -> None:
        """Wait for the page with this title."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)

    def says(self, *texts: str) -> None:
        """Wait until each is somewhere on the page."""
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)

    def close(self) -> None:
        """Forget everything."""
        self.context.close()


def _looks(key: bool) -> list[tuple[Any, Any]]:
    if not key:
        return [("light", WIDE)]
    return [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)]
