"""Windows: who keeps and sees them, which field is wrong, what a freeze and an allowance mean together, until when."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies import windowing, windows
from policies.models import Window, WindowOccurrence
from policies.results import Denied
from policies.windowing import Options, Wanted
from policies.windows import Closed, Open, Row, decide

pytestmark = pytest.mark.django_db
OPTIONS = Options(("dev", "prod"), {"create": ("adopt", "create"), "update": ("update",), "rollback": ("rollback",)})
HOUR = timedelta(hours=1)


def wanted(**changes) -> Wanted:
    usual = {
        "slug": "friday",
        "name": "No Friday releases",
        "effect": "freeze",
        "rrule": "FREQ=WEEKLY;BYDAY=FR",
        "starts_on": date(2026, 11, 6),
        "starts_at": time(14),
        "duration": timedelta(hours=66),
        "time_zone": "Europe/Stockholm",
        "reason": "Nobody is there at the weekend.",
        "tiers": ("prod",),
    }
    return Wanted(**{**usual, **changes})


def kept(demo, **changes) -> Window:
    made = windowing.save(by=demo.pia, wanted=wanted(**changes), options=OPTIONS)
    assert isinstance(made, Window), made
    return made


def lasting(demo, **changes) -> Window:
    """A window that lasts from an hour ago for three hours."""
    start = timezone.now() - HOUR
    when = {"rrule": "FREQ=DAILY;COUNT=1", "starts_on": start.date(), "starts_at": start.time(), "time_zone": "UTC"}
    return kept(demo, **{**when, "duration": 3 * HOUR, **changes})


def asked(**changes):
    usual = {"kind": "update", "tier": "prod", "team": "payments", "service": "payments-api", "now": timezone.now()}
    return windows.open_now(**{**usual, **changes})


def test_a_window_writes_down_when_it_lasts_for_400_days_and_is_recorded(demo):
    made = kept(demo)
    assert WindowOccurrence.objects.filter(window=made).count() in {57, 58}
    assert AuditEvent.objects.filter(event="window.saved", object=made.ref, actor=demo.pia.audit_ref).count() == 1
    assert OutboxEvent.objects.filter(topic="window.saved").count() == 1


def test_only_who_manages_windows_keeps_them_and_each_try_is_in_the_history(demo):
    made = kept(demo)
    answers = [
        windowing.save(by=demo.ines, wanted=wanted(slug="mine"), options=OPTIONS),
        windowing.save(by=demo.ines, wanted=wanted(name="Mine"), options=OPTIONS, window=made),
        windowing.retire(by=demo.ines, window=made, reason="In my way."),
    ]
    assert [(type(a), a.rule, a.status) for a in answers] == [(Denied, "role.manage_windows", 403)] * 3
    assert list(Window.objects.values_list("name", "active")) == [("No Friday releases", True)]
    tries = AuditEvent.objects.filter(event="access.refused", actor=demo.ines.audit_ref).order_by("id")
    assert [each.object for each in tries] == ["window:mine", made.ref, made.ref]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"rrule": "FREQ=FOO"}, ["window.rrule"]),
        ({"rrule": "FREQ=DAILY;COUNT=1"}, ["window.rrule"]),
        ({"time_zone": "Mars/Phobos"}, ["window.time_zone"]),
        ({"duration": timedelta(0)}, ["window.duration"]),
        ({"starts_on": date(1950, 1, 1)}, ["window.starts_on"]),
        ({"reason": " ", "name": ""}, ["window.name", "window.reason"]),
        ({"effect": "thaw", "running": "run"}, ["window.effect", "window.running"]),
        ({"tiers": ("moon",), "kinds": ("adopt",)}, ["window.tiers", "window.kinds"]),
        ({"teams": ("nobody",), "services": ("nothing",)}, ["window.teams", "window.services"]),
        ({"slug": "a b"}, ["window.slug"]),
        ({"name": "x" * 81, "reason": "x" * 201}, ["window.name", "window.reason"]),
    ],
)
def test_each_wrong_field_is_named(demo, change, rules):
    refused = windowing.save(by=demo.pia, wanted=wanted(**change), options=OPTIONS)
    assert isinstance(refused, Denied)
    assert ([error.rule for error in refused.errors], refused.status) == (rules, 422)
    assert not Window.objects.exists()


def test_a_freeze_closes_its_scope_and_nothing_else(demo):
    lasting(demo, teams=("payments",), services=("payments-api",), kinds=("update",))
    closed = asked()
    assert isinstance(closed, Closed)
    assert (closed.rule, closed.reason, closed.holds) == ("friday", "Nobody is there at the weekend.", False)
    others = ({"kind": "create"}, {"tier": "dev"}, {"team": "x"}, {"service": "x"})
    assert [asked(**other) for other in others] == [Open()] * 4


def test_a_kind_stands_for_those_that_policy_takes_for_it_too(demo):
    lasting(demo, kinds=("create",))
    found = [type(asked(kind=kind)) for kind in ("create", "adopt", "update")]
    assert found == [Closed, Closed, Open]


def test_going_back_is_held_only_where_a_window_names_it(demo):
    lasting(demo)
    assert asked(kind="rollback") == Open()
    lasting(demo, slug="really", kinds=("rollback",))
    assert asked(kind="rollback").rule == "really"
    assert isinstance(asked(kind="rollback"), Closed)


def test_a_freeze_beats_an_allowance_and_outside_of_allowances_is_closed(demo):
    assert asked() == Open()
    allow = lasting(demo, slug="hours", effect="allow")
    assert asked() == Open("hours")
    lasting(demo, slug="freeze")
    assert asked().rule == "freeze"
    windowing.retire(by=demo.pia, window=Window.objects.get(slug="freeze"), reason="Over.")
    assert asked(now=timezone.now() + 3 * HOUR) == Closed("hours", allow.reason, None, "UTC")


def test_until_is_the_first_moment_at_which_nothing_closes():
    now = timezone.now()
    span = {h: now + h * HOUR for h in range(-1, 9)}
    freeze = Row("a", "freeze", "finish", "x", "UTC", span[8], ((span[-1], span[2]), (span[5], span[6])))
    second = Row("b", "freeze", "hold", "x", "UTC", span[8], ((span[1], span[3]),))
    allow = Row("c", "allow", "finish", "x", "UTC", span[8], ((span[4], span[7]),))
    assert decide([freeze], now).until == span[2]
    assert decide([freeze, second], now).until == span[3]
    assert decide([allow, freeze, second], now).until == span[4]
    assert [decide([freeze, second], span[h]).holds for h in (0, 1)] == [False, True]


def test_what_is_not_written_down_that_far_counts_as_frozen():
    now = timezone.now()
    assert decide([Row("a", "freeze", "finish", "x", "UTC", now, ())], now) == Closed("a", "x", None, "UTC")


def test_the_sentence_names_the_window_and_when_it_opens():
    now = timezone.now().replace(year=2026, month=11, day=27, hour=15)
    span = (now, now.replace(month=11, day=30, hour=7, minute=0))
    known = now + timedelta(days=400)
    closed = decide([Row("friday", "freeze", "finish", "x", "Europe/Stockholm", known, (span,))], now)
    assert closed.sentence == "Waits for the window friday, opens Monday 30 November 08:00 (Europe/Stockholm)"


def test_the_sweep_writes_further_what_comes_near_its_end_and_twice_is_once(demo):
    made = kept(demo)
    later = timezone.now() + timedelta(days=3)
    assert (windowing.refresh(later), windowing.refresh(later)) == (1, 0)
    made.refresh_from_db()
    assert made.known_until == later + timedelta(days=400)


def test_a_rule_that_cannot_be_counted_any_more_holds_up_no_other_window(demo):
    bad, good = kept(demo, slug="a-long-past"), kept(demo)
    with context(by="system:test"):
        Window.objects.filter(pk=bad.pk).update(rrule="FREQ=DAILY;BYHOUR=0,3,6,9,12,15,18,21")
    written, later = bad.occurrences.count(), timezone.now() + timedelta(days=3)
    assert windowing.refresh(later) == 1
    assert [Window.objects.get(pk=w.pk).known_until > later + timedelta(days=399) for w in (bad, good)] == [False, True]
    assert bad.occurrences.count() == written
    closed = asked(now=bad.known_until)
    assert (closed.rule, closed.until) == ("a-long-past", None)
    assert closed.sentence == "Waits for the window a-long-past, which has no end that is known"


def test_a_name_is_taken_once_and_a_change_keeps_one_row(demo):
    made = kept(demo)
    again = windowing.save(by=demo.pia, wanted=wanted(), options=OPTIONS)
    assert isinstance(again, Denied)
    assert again.rule == "window.once"
    changed = windowing.save(by=demo.pia, wanted=wanted(tiers=()), options=OPTIONS, window=made)
    assert isinstance(changed, Window)
    assert (changed.pk, changed.tiers, Window.objects.count()) == (made.pk, [], 1)


def test_what_a_changed_window_said_before_counts_no_more_nor_anything_out_of_force(demo):
    made, later = lasting(demo), timezone.now() + timedelta(days=2)
    when = {"rrule": "FREQ=DAILY;COUNT=1", "starts_on": later.date(), "starts_at": later.time(), "time_zone": "UTC"}
    moved = wanted(**when, duration=HOUR)
    for asks, then in ((moved, Closed), (replace(moved, active=False), Open), (moved, Closed)):
        assert isinstance(windowing.save(by=demo.pia, wanted=asks, options=OPTIONS, window=made), Window)
        assert (asked(), type(asked(now=later)), made.occurrences.count()) == (Open(), then, int(then is Closed))


def test_a_window_is_taken_out_of_force_by_the_platform_alone_and_that_is_told(demo):
    made = lasting(demo)
    refused = windowing.retire(by=demo.ines, window=made, reason="Over.")
    assert isinstance(refused, Denied)
    assert (refused.rule, refused.status, asked().rule) == ("role.manage_windows", 403, "friday")
    assert not OutboxEvent.objects.filter(topic="window.retired").exists()
    assert windowing.retire(by=demo.pia, window=made, reason="Over.")
    assert asked() == Open()
    assert OutboxEvent.objects.get(topic="window.retired").payload == {"slug": "friday"}
    told = AuditEvent.objects.get(event="window.retired", object=made.ref)
    assert (told.actor, told.data) == (demo.pia.audit_ref, {"name": "friday", "reason": "Over."})


def test_a_window_is_seen_by_those_who_see_its_team_and_its_service(demo):
    kept(demo)
    kept(demo, slug="of-service", services=("payments-api",))
    kept(demo, slug="of-team", teams=("payments",))
    seen = {who: [w.slug for w in windows.visible_to(getattr(demo, who))] for who in ("vera", "pia", "tomasz", "olaf")}
    every = ["friday", "of-service", "of-team"]
    assert seen == {"vera": every, "pia": every, "tomasz": ["friday"], "olaf": ["friday"]}
