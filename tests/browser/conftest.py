"""One portal for all browser tests of a session, one Chromium a module, a window for each person."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import portal as live_portal
from tests.browser.portal import Portal
from tests.browser.window import Window

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def live() -> Iterator[Portal]:
    """The portal, started once."""
    with live_portal.started() as portal:
        yield portal


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Only for one module: while it runs, its event loop stands in the way of tests that need their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def window(live: Portal, chromium: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows, signed in as somebody if a name is given."""
    opened: list[Window] = []

    def open_one(name: str = "", **options: Any) -> Window:
        known = live.sessions.get(name)
        opened.append(Window(chromium, live, storage_state=known, **options))
        if known:
            opened[-1].go("/")
        return opened[-1] if known or not name else opened[-1].sign_in(name)

    yield open_one
    for one in opened:
        one.close()
