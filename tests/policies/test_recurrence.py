"""Recurrence on the wall clock: nights in which clocks move, midnight, bounds, and rules that cannot be used."""

import time as time_module
from datetime import UTC, date, datetime, time, timedelta

import pytest

from policies.recurrence import BadRule, Recurrence, check, spans

STOCKHOLM = "Europe/Stockholm"
HOUR = timedelta(hours=1)


def at(day: int, hour: int, minute: int = 0, *, month: int = 3, year: int = 2027) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def daily(hour: int, length: timedelta, **changes: object) -> Recurrence:
    usual = {"rrule": "FREQ=DAILY", "starts_on": date(2027, 1, 1), "starts_at": time(hour), "duration": length}
    return Recurrence(**{**usual, "time_zone": STOCKHOLM, **changes})


def test_it_begins_at_the_same_wall_clock_time_on_both_sides_of_the_change():
    found = spans(daily(8, HOUR), at(27, 0), at(29, 0))
    assert found == [(at(27, 7), at(27, 8)), (at(28, 6), at(28, 7))]


def test_a_night_in_which_clocks_go_forward_is_an_hour_shorter():
    assert spans(daily(22, 10 * HOUR), at(28, 0), at(28, 12)) == [(at(27, 21), at(28, 6))]


def test_a_night_in_which_clocks_go_back_is_an_hour_longer():
    found = spans(daily(22, 10 * HOUR), at(31, 0, month=10), at(31, 12, month=10))
    assert found == [(at(30, 20, month=10), at(31, 7, month=10))]


def test_what_lies_in_the_hour_that_is_left_out_does_not_happen_that_day():
    found = spans(daily(2, HOUR), at(27, 0), at(30, 0))
    assert found == [(at(27, 1), at(27, 2)), (at(29, 0), at(29, 1))]


def test_what_reaches_into_the_hour_that_is_left_out_ends_or_begins_with_the_change():
    assert spans(daily(1, HOUR + HOUR / 2), at(28, 0), at(28, 6)) == [(at(28, 0), at(28, 1))]
    assert spans(daily(2, 2 * HOUR), at(28, 0), at(28, 6)) == [(at(28, 1), at(28, 2))]


def test_the_hour_that_comes_twice_is_covered_both_times():
    found = spans(daily(2, HOUR), at(31, 0, month=10), at(31, 6, month=10))
    assert found == [(at(31, 0, month=10), at(31, 2, month=10))]


def test_it_may_last_over_midnight_and_is_found_on_the_day_after():
    weekend = daily(17, timedelta(hours=63), rrule="FREQ=WEEKLY;BYDAY=FR", starts_on=date(2027, 1, 1))
    assert spans(weekend, at(7, 12), at(7, 13)) == [(at(5, 16), at(8, 7))]


def test_until_in_utc_and_as_a_day_are_both_read_on_the_wall_clock():
    utc = daily(0, HOUR, rrule="FREQ=DAILY;UNTIL=20270102T230000Z")
    day = daily(0, HOUR, rrule="FREQ=DAILY;UNTIL=20270103")
    whole = (at(1, 0, month=1), at(9, 0, month=1))
    assert [[begin.day for begin, _ in spans(rule, *whole)] for rule in (utc, day)] == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "An empty part is not known here."),
        ("BYDAY=MO", "It needs FREQ, as in FREQ=WEEKLY;BYDAY=FR."),
        ("FREQ=HOURLY", "FREQ takes one of DAILY, WEEKLY, MONTHLY, YEARLY."),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL takes 1 to 999."),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH takes 1 to 12."),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY takes -31 to 31."),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY takes days such as MO,TU or 1MO."),
        ("FREQ=WEEKLY;FREQ=DAILY", "FREQ stands there twice."),
        ("FREQ=DAILY;UNTIL=banana", "UNTIL takes a day such as 20271231, or a time such as 20271231T220000Z."),
        ("FREQ=DAILY;UNTIL=20271231\n;INTERVAL=1", "UNTIL takes a day"),
        ("FREQ=DAILY;UNTIL=٢٠٢٧١٢٣١", "UNTIL takes a day"),
        ("FREQ=DAILY;COUNT=1000000000", "COUNT takes 1 to 9999."),
        ("FREQ=SECONDLY", "FREQ takes one of DAILY, WEEKLY, MONTHLY, YEARLY."),
        ("FREQ=WEEKLY;BYDAY=MO,-1FR", "Numbers before days, as in 1MO, go with FREQ=MONTHLY and FREQ=YEARLY only."),
        ("FREQ=DAILY;UNTIL=20271231;COUNT=2", "UNTIL and COUNT cannot stand together."),
        ("FREQ=DAILY;BYSECOND=1", "BYSECOND is not known here."),
        ("FREQ=WEEKLY;BYMONTHDAY=30;BYMONTH=2", "BYMONTHDAY and BYSETPOS go with FREQ=MONTHLY and FREQ=YEARLY only."),
        ("FREQ=WEEKLY;BYSETPOS=100", "BYMONTHDAY and BYSETPOS go with FREQ=MONTHLY and FREQ=YEARLY only."),
        ("FREQ=MONTHLY;BYSETPOS=1,2,3,4,5,6", "BYSETPOS takes at most 5 numbers."),
        ("FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "FREQ=DAILY goes with neither BYMONTHDAY nor INTERVAL beside BYDAY"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_what_is_wrong(rule, said):
    with pytest.raises(BadRule) as refused:
        check(rule)
    assert str(refused.value).startswith(said)


def test_a_rule_that_recurs_too_often_is_refused():
    often = daily(0, HOUR, rrule="FREQ=DAILY;BYHOUR=0,3,6,9,12,15,18,21")
    with pytest.raises(BadRule, match="more than 2000 times"):
        spans(often, at(1, 0), at(1, 0, year=2028))


def test_a_rule_with_a_long_past_is_refused_before_it_is_counted_through():
    every_hour = ",".join(str(hour) for hour in range(24))
    past = daily(0, HOUR, rrule=f"FREQ=DAILY;BYHOUR={every_hour}", starts_on=date(2020, 1, 1))
    with pytest.raises(BadRule, match="more than 20000 times since its first day"):
        spans(past, at(1, 0), at(1, 1))


def test_a_day_that_never_comes_is_looked_for_in_bounded_time():
    assert spans(daily(0, HOUR, rrule="FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2"), at(1, 0), at(1, 0, year=2028)) == []


@pytest.mark.parametrize("until", ["20271399", "20270230T000000", "20271399T000000Z", "00010101T000000Z"])
def test_an_end_that_is_no_day_is_refused(until):
    with pytest.raises(BadRule, match=f"UNTIL={until} is no day or time.|It cannot be read"):
        spans(daily(0, HOUR, rrule=f"FREQ=DAILY;UNTIL={until}", time_zone="America/New_York"), at(1, 0), at(2, 0))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYSETPOS=366,-366,365,-365,364;BYMONTH=2",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1;BYSETPOS=1,2,3,4,5",
        "FREQ=YEARLY;INTERVAL=999;BYMONTHDAY=30;BYMONTH=2;UNTIL=99991231",
    ],
)
def test_a_hostile_rule_is_done_with_in_a_few_seconds(rule):
    began = time_module.monotonic()
    assert spans(daily(0, HOUR, rrule=rule), at(1, 0), at(1, 0, year=2028)) == []
    assert time_module.monotonic() - began < 10
