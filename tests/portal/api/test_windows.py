"""Windows, stops and switches through the API: the same rules as the pages, and read-only mode for callers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from policies.models import Stop, Switch, Window
from provisioning.models import Environment
from tests.people import Demo
from tests.policies.test_stops import on, stopped
from tests.policies.test_windows import lasting
from tests.portal.api.conftest import refusal
from tests.portal.window_rows import JSON, STOP

pytestmark = pytest.mark.django_db
ASKED = {"service": "payments-api", "template": "web-service", "name": "payments-x", "tier": "dev"}


def test_a_window_is_shown_before_it_is_kept_and_says_when_it_lasts(demo: Demo, call: Any) -> None:
    pia = call("pia")
    shown = pia.post("/windows/preview/", JSON).json()["next"]
    assert (len(shown), Window.objects.exists()) == (5, False)
    answer = pia.post("/windows/", JSON)
    made = Window.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/windows/{made.pk}/")
    assert (answer.json()["minutes"], answer.json()["starts_at"], answer.json()["tiers"]) == (480, "22:00", ["prod"])
    assert call("mara").get(f"/windows/{made.pk}/occurrences/").json()["next"] == shown
    assert [row["slug"] for row in call("vera").get("/windows/").json()["results"]] == ["night"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rrule": "FREQ=SECONDLY"}, (422, "window.rrule", "rrule")),
        ({"effect": "thaw"}, (422, "window.effect", "effect")),
        ({"minutes": 0}, (422, "request.min_value", "minutes")),
        ({"minutes": 2**50}, (422, "request.max_value", "minutes")),
        ({"starts_at": "22:00+01:00"}, (422, "request.invalid", "starts_at")),
        ({"starts_on": "9999-12-31"}, (422, "window.starts_on", "starts_on")),
        ({"teams": ["nobody"]}, (422, "window.teams", "teams")),
        ({"more": 1}, (422, "request.unknown", "more")),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_a_problem(demo: Demo, call: Any, change: Any, expected: Any) -> None:
    assert refusal(call("pia").post("/windows/", {**JSON, **change})) == expected
    assert not Window.objects.exists()


def test_the_preview_of_a_request_says_what_would_hold_it(demo: Demo, call: Any) -> None:
    assert call("mara").post("/operations/preview/", ASKED).json()["closed"] is None
    window = lasting(demo, tiers=("dev",))
    closed = call("mara").post("/operations/preview/", ASKED).json()["closed"]
    assert closed["rule"] == "window.friday"
    assert closed["until"] is not None
    assert closed["reason"].startswith(f"Waits for the window {window.slug}, opens ")


def test_who_stopped_a_line_never_lifts_it(demo: Demo, call: Any) -> None:
    made = call("ines").post("/stops/", STOP)
    assert (made.status_code, made.json()["stopped_by"]["username"]) == (201, "ines")
    path, why = f"/stops/{made.json()['id']}/lift/", {"reason": "Mended."}
    assert refusal(call("ines").post(path, why)) == (403, "stop.second_person", "lifted_by")
    assert refusal(call("mara").post(path, why))[:2] == (403, "role.stop_the_line")
    assert Stop.objects.get().lifted_at is None
    assert call("pia").post(path, why).json()["lifted_by"]["username"] == "pia"
    assert refusal(call("pia").post(path, why))[:2] == (409, "stop.lifted")


def test_stops_are_listed_to_those_who_see_the_service(demo: Demo, call: Any) -> None:
    stopped(demo)
    assert [row["service"] for row in call("mara").get("/stops/", {"open": "true"}).json()["results"]] == [
        STOP["service"]
    ]
    assert call("mara").get("/stops/", {"open": "false"}).json()["results"] == []
    assert call("olaf").get("/stops/").json()["results"] == []


@pytest.mark.parametrize("days", [-1, 8])
def test_a_switch_has_a_planned_end_within_a_week(demo: Demo, call: Any, days: int) -> None:
    end = (timezone.now() + timedelta(days=days)).isoformat()
    asked = {"name": "schedules", "reason": "The clocks are wrong.", "ends_at": end}
    assert refusal(call("pia").post("/switches/", asked)) == (422, "switch.end", "ends_at")
    assert not Switch.objects.exists()


def test_in_read_only_mode_a_caller_learns_who_why_and_until_when(demo: Demo, call: Any) -> None:
    made = on(demo, "read_only")
    answer = call("mara").post("/operations/", {"kind": "create", **ASKED})
    assert refusal(answer) == (503, "switch.read_only", "")
    assert 3500 < int(answer["Retry-After"]) <= 3600
    said = answer.json()
    assert (said["title"], said["who"], said["until"]) == (
        "Berth is read-only: The cluster moves.",
        "Pia",
        made.ends_at.isoformat(),
    )
    assert not Environment.objects.exists()
    assert call("pia").post("/switches/read_only/end/").json()["ended_by"]["username"] == "pia"
    assert call("mara").post("/operations/", {"kind": "create", **ASKED}).status_code == 201
