"""The auditor: finds what happened, sees both sides, takes it along, and can change nothing."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.portal import Portal, fresh
from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]


def test_an_auditor_finds_what_happened_and_takes_it_along(window: Open, live: Portal, tmp_path: Path) -> None:
    made = live.running(fresh("audited"))
    ana = window("ana")
    ana.shot("20-home-auditor")
    ana.page.get_by_role("link", name="Search the history").click()
    ana.heading("History")
    ana.page.get_by_label("Object: a name or a reference").fill(made["name"])
    ana.page.get_by_label("Object: a name or a reference").press("Enter")
    expect(ana.page).to_have_url(re.compile(made["name"]))
    ana.says(f"asked for create {made['name']}", f"finished create {made['name']}")
    ana.shot("21-history", key=True)
    before_and_after(ana, made["id"])
    ana.go(f"/history/?object={made['name']}&source=event")
    lines = [json.loads(line) for line in taken(ana, "Export JSON Lines", tmp_path).splitlines()]
    rows = list(csv.DictReader(taken(ana, "Export CSV", tmp_path).splitlines()))
    for events in (lines, rows):
        names = {row["event"] for row in events}
        assert {"operation.requested", "operation.claimed", "operation.succeeded"} <= names
        assert {row["source"] for row in events} == {"event"}
    assert [str(row["id"]) for row in lines] == [row["id"] for row in rows]


def before_and_after(ana: Window, environment: str) -> None:
    ana.go(f"/history/?object=environment:{environment}&what=environment.updated&source=row")
    ana.page.locator("table.history a.plain").first.click()
    ana.says("Before and after", "status: ready", "worker:")
    ana.shot("22-history-event", key=True)


def taken(ana: Window, name: str, place: Path) -> str:
    with ana.page.expect_download() as download:
        ana.page.get_by_role("link", name=name).click()
    kept = place / download.value.suggested_filename
    download.value.save_as(kept)
    return kept.read_text()


def test_an_auditor_reads_everything_and_changes_nothing(window: Open, live: Portal) -> None:
    made = live.running(fresh("read-only"))
    asked = live.to_be_signed(live.requested(fresh("read-prod"), "prod"))
    ana = window("ana")
    ana.go(f"/environments/{made['id']}/")
    for act in ("Suspend", "Extend 7 days"):
        expect(ana.button(act)).to_have_attribute("aria-disabled", "true")
    ana.sound()
    ana.go(f"/environments/{made['id']}/secrets/")
    expect(ana.button("Reveal database")).to_have_attribute("aria-disabled", "true")
    ana.go(f"/inbox/{asked['id']}/")
    expect(ana.button(re.compile("Approve plan"))).to_have_attribute("aria-disabled", "true")
    assert ana.button("Reject").count() == 0
    ana.go("/catalogue/web-service/")
    ana.says("To request it you need the role developer or owner in a team.")
    ana.go("/pipelines/payments-api/")
    expect(ana.button("New release")).to_have_attribute("aria-disabled", "true")
    assert live.api("mara").get(f"operations/{asked['id']}/")["status"] == "awaiting_approval"
