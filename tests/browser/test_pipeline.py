"""A release goes from dev to prod and back by the pipeline page; the workload serves what the page says."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.portal import Portal, fresh
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]


def test_a_release_is_promoted_and_rolled_back(window: Open, live: Portal) -> None:
    dev = live.running(fresh("ledger-dev"), service="ledger")
    prod = live.running(fresh("ledger-prod"), "prod", service="ledger")
    first, second = live.release(fresh("2.0"), "ledger"), live.release(fresh("2.1"), "ledger")
    live.ended(live.ask("deploy", dev, release=first["id"]))
    asked = live.ask("promote", prod, release=first["id"])
    live.signed(asked, "jonas", "tomasz")
    live.ended(asked)
    live.ended(live.ask("deploy", dev, release=second["id"]))
    mara = window("mara")
    mara.go("/pipelines/ledger/")
    mara.shot("30-pipeline", key=True)
    mara.button(f"Promote {second['version']} to prod").first.click()
    mara.heading(f"Promote {second['version']} to {prod['name']}")
    mara.says("Waiting for approval")
    mara.shot("31-operation-waiting")
    promoted = {"id": mara.page.url.rstrip("/").split("/")[-1]}
    live.signed(promoted, "jonas", "tomasz")
    expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded")
    serves(mara, prod["outputs"]["url"], second["version"])
    mara.go("/pipelines/ledger/")
    mara.button(f"Roll back to {first['version']}").last.click()
    expect(mara.page.locator("#op-pill")).to_contain_text("Succeeded")
    serves(mara, prod["outputs"]["url"], first["version"])


def serves(mara: Window, url: str, version: str) -> None:
    mara.go(url)
    expect(mara.page.locator("body")).to_contain_text(version)


def test_a_pipeline_without_environments_says_how_to_begin(window: Open) -> None:
    mara = window("mara")
    mara.go("/pipelines/invoice-worker/")
    mara.says("No environments yet.", "Register the first release")
    mara.shot("32-pipeline-empty")
