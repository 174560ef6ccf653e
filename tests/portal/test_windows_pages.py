"""Windows, stopped lines and switches in the browser: what is shown before it is kept, and who sees which banner."""

import re
from html import unescape

import pytest

from audit import outbox
from policies import stops
from policies.models import Stop, Switch, Window
from portal.tasks import deliver_outbox
from tests import noop
from tests.people import Demo
from tests.policies.test_stops import on
from tests.policies.test_windows import kept, lasting
from tests.portal.api import made
from tests.portal.visits import signed_in
from tests.portal.window_rows import SENT, STOP

pytestmark = pytest.mark.django_db
NEW = "/windows/new/"
CHECK = "/catalogue/web-service/request/check/"
ASKED = {
    **{"service": "payments-api", "tier": "dev", "name": "payments-api-x", "p-size": "M", "p-greeting": "hi"},
    **{"key": "k" * 32, "ttl_days": "3", "reason": "Try it."},
}


def seen(person, address: str) -> str:
    """The words of a page, as a reader has them."""
    return unescape(signed_in(person).get(address).content.decode())


def test_the_form_shows_the_next_five_before_anything_is_written(demo: Demo) -> None:
    answer = signed_in(demo.pia).post(NEW, {**SENT, "asked": "preview"})
    found = re.findall(r"<li>(\w{3} \d+ \w{3} \d{4} 22:00 – \w{3} \d+ \w{3} 06:00)</li>", answer.content.decode())
    assert (answer.status_code, len(found)) == (200, 5)
    assert not Window.objects.exists()


def test_what_was_kept_is_listed_and_changed_under_its_name(demo: Demo) -> None:
    pia = signed_in(demo.pia)
    assert pia.post(NEW, SENT).status_code == 302
    made = Window.objects.get()
    assert (made.slug, made.tiers, made.duration.total_seconds()) == ("night", ["prod"], 8 * 3600)
    assert (
        pia.post(f"/windows/{made.pk}/", {**SENT, "slug": "other", "hours": "7"})["Location"] == f"/windows/{made.pk}/"
    )
    made.refresh_from_db()
    assert (made.slug, made.duration.total_seconds(), Window.objects.count()) == ("night", 7 * 3600, 1)
    assert "Nights" in seen(demo.vera, "/windows/")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"rrule": "FREQ=HOURLY"}, "window.rrule"),
        ({"rrule": "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2"}, "window.rrule"),
        ({"time_zone": "Mars/Phobos"}, "window.time_zone"),
        ({"time_zone": "../etc/passwd"}, "window.time_zone"),
        ({"starts_on": "soon"}, "window.starts_on"),
        ({"starts_at": "22:00+01:00"}, "window.starts_at"),
        ({"hours": "-1"}, "window.duration"),
        ({"hours": "", "minutes": ""}, "window.duration"),
        ({"tiers": "prod, moon"}, "window.tiers"),
        ({"slug": "Ä"}, "window.slug"),
        ({"reason": " "}, "window.reason"),
        ({"reason": "\x00"}, "request.text"),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_named_and_not_written(demo: Demo, change: dict[str, str], rule: str) -> None:
    answer = signed_in(demo.pia).post(NEW, {**SENT, **change})
    assert answer.status_code == 422
    assert f"<code>{rule}</code>" in answer.content.decode()
    assert not Window.objects.exists()


def test_a_reader_sees_what_a_window_says_without_its_form(demo: Demo) -> None:
    address = f"/windows/{lasting(demo, teams=('payments',)).pk}/"
    text = seen(demo.mara, address)
    assert "Frozen now" in text
    assert "Keep the window" not in text
    assert "Keep the window" in seen(demo.pia, address)
    assert signed_in(demo.tomasz).get(address).status_code == 404
    assert "No Friday releases" not in seen(demo.tomasz, "/windows/")


def test_a_window_goes_out_of_force_with_a_reason(demo: Demo) -> None:
    made = kept(demo)
    address = f"/windows/{made.pk}/retire/"
    assert signed_in(demo.pia).post(address, {"reason": " "}).status_code == 422
    assert signed_in(demo.pia).post(address, {"reason": "The audit is over."}).status_code == 302
    made.refresh_from_db()
    assert (made.active, made.occurrences.count()) == (False, 0)
    assert "Out of force" in seen(demo.vera, "/windows/")


def test_the_request_form_says_what_would_hold_it_and_until_when(demo: Demo) -> None:
    noop.reset()
    mara, part = signed_in(demo.mara), {"HX-Request": "true"}
    text = mara.post(CHECK, ASKED, headers=part).content.decode()
    assert "At once: no window, stopped line or switch holds it." in text
    lasting(demo, tiers=("dev",))
    text = mara.post(CHECK, ASKED, headers=part).content.decode()
    assert re.search(r"Waits for the window friday, opens \w+ \d+ \w+ \d\d:\d\d \(UTC\)", text)


def test_a_stopped_line_is_announced_to_its_team_and_lifted_by_another_person(demo: Demo) -> None:
    ines = signed_in(demo.ines)
    assert ines.post("/windows/stops/", STOP).status_code == 302
    banner = "The line of payments-api is stopped by Ines: Orders are doubled."
    assert [banner in seen(who, "/") for who in (demo.mara, demo.pia, demo.tomasz)] == [True, True, False]
    made = Stop.objects.get()
    refused = ines.post(f"/windows/stops/{made.pk}/lift/", {"reason": "Mended."})
    assert (refused.status_code, "stop.second_person" in refused.content.decode()) == (403, True)
    assert signed_in(demo.pia).post(f"/windows/stops/{made.pk}/lift/", {"reason": "Mended."}).status_code == 302
    assert banner not in seen(demo.mara, "/")


def test_a_switch_shows_a_banner_to_everybody_until_it_ends(demo: Demo) -> None:
    pia = signed_in(demo.pia)
    sent = {"name": "provisioning", "hours": "2", "reason": "The cluster moves."}
    assert pia.post("/windows/switches/", {**sent, "hours": "169"}).status_code == 422
    assert not Switch.objects.exists()
    assert pia.post("/windows/switches/", sent).status_code == 302
    assert re.search(r"Provisioning is paused until .* by Pia: The cluster moves\.", seen(demo.olaf, "/"))
    assert pia.post("/windows/switches/provisioning/end/").status_code == 302
    assert "Provisioning is paused until" not in seen(demo.olaf, "/")


def test_paused_notifications_wait_in_the_outbox_and_go_afterwards(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(outbox, "consumers", lambda: {"*/test": lambda event: told.append(event.topic)})
    on(demo, "notifications")
    deliver_outbox()
    assert told == []
    stops.switch_off(by=demo.pia, name="notifications")
    deliver_outbox()
    assert {"switch.on", "switch.off"} <= {*told}


def test_what_waits_for_its_signers_says_what_would_hold_it_afterwards(demo: Demo) -> None:
    address = f"/operations/{made.awaiting(demo).pk}/"
    assert "Signed now it would not begin yet" not in seen(demo.mara, address)
    lasting(demo, tiers=("prod",))
    words = r"Signed now it would not begin yet\. Waits for the window friday, opens .* \(UTC\)\."
    assert re.search(words, seen(demo.mara, address))


def test_what_is_queued_says_which_window_it_waits_for(demo: Demo) -> None:
    lasting(demo, tiers=("dev",))
    waits = made.operation(demo, made.environment(demo), status="queued")
    assert re.search(r"Waits for the window friday, opens .* \(UTC\)", seen(demo.mara, f"/operations/{waits.pk}/"))


def test_the_page_of_a_service_leads_who_may_to_its_line(demo: Demo) -> None:
    link = "/windows/stops/?service=payments-api"
    assert [link in seen(who, "/pipelines/payments-api/") for who in (demo.ines, demo.pia, demo.mara)] == [
        True,
        True,
        False,
    ]
    assert '<option value="payments-api" selected>' in seen(demo.ines, link)


def test_a_change_of_an_environment_says_before_it_is_asked_that_it_would_wait(demo: Demo) -> None:
    found = made.environment(demo)
    address = f"/environments/{found.pk}/settings/"
    assert "Waits for the window" not in seen(demo.mara, address)
    lasting(demo, tiers=(found.tier,))
    said = seen(demo.mara, address)
    assert said.count("Waits for the window") == 3
    assert "Suspend: Waits for the window" in re.sub(r"<[^>]+>", "", said)
    assert "It can be asked for, planned and signed now." in said


def test_in_read_only_mode_a_person_gets_a_page_and_may_stop_a_line_still(demo: Demo) -> None:
    on(demo, "read_only")
    ines = signed_in(demo.ines)
    refused = ines.post("/windows/new/", SENT)
    said = unescape(refused.content.decode())
    assert (refused.status_code, refused["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert ("Berth is read-only: The cluster moves." in said, "switch.read_only" in said) == (True, True)
    assert not Window.objects.exists()
    assert ines.post("/windows/stops/", STOP).status_code == 302
    assert Stop.objects.get().stopped_by == demo.ines
