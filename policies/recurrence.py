"""RFC 5545 recurrence on a local wall clock, within bounds. Pure; which windows there are lives in windows.py.

An occurrence lasts while the wall clock of its zone reads from its start to its end: a night in which clocks go back
makes it an hour longer, one in which they go forward an hour shorter, and one that lies in the gap does not happen.
"""

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dateutil.rrule import rrule, rrulestr

HORIZON = timedelta(days=400)
MOST = 2000
MOST_EVER = 20_000
MOST_POSITIONS = 5
# What may stand in a rule, and the whole numbers that it may take.
_PARTS: dict[str, range] = {
    "INTERVAL": range(1, 1000),
    "COUNT": range(1, 10_000),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYSETPOS": range(-366, 367),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
}
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAYS = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
Span = tuple[datetime, datetime]


class BadRule(ValueError):
    """A rule that cannot be used; the text is a sentence that can be shown."""


@dataclass(frozen=True)
class Recurrence:
    """When something recurs: a rule, the day and wall-clock time of its first start, its length, its zone."""

    rrule: str
    starts_on: date
    starts_at: time
    duration: timedelta
    time_zone: str


def spans(what: Recurrence, since: datetime, until: datetime) -> list[Span]:
    """Every occurrence that overlaps [since, until), in UTC and in order. Raises BadRule."""
    zone = zoneinfo.ZoneInfo(what.time_zone)
    first = since.astimezone(zone).replace(tzinfo=None) - what.duration - timedelta(days=1)
    last = until.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    found = []
    for start in _starts(_parsed(what, zone), first, last):
        begin, end = _instant(start, zone), _instant(start + what.duration, zone, fold=1)
        if begin < end and begin < until and end > since:
            found.append((begin, end))
    return found


def _starts(rule: rrule, first: datetime, last: datetime) -> Iterator[datetime]:
    found = 0
    for number, start in enumerate(rule):
        if start >= last:
            return
        if number == MOST_EVER:
            raise BadRule(f"It recurred more than {MOST_EVER} times since its first day; choose a later one.")
        if start < first:
            continue
        if found == MOST:
            raise BadRule(f"It recurs more than {MOST} times in {HORIZON.days} days.")
        found += 1
        yield start


def _instant(local: datetime, zone: zoneinfo.ZoneInfo, fold: int = 0) -> datetime:
    """A wall-clock time as an instant: in the gap the moment of the change, twice on a day the one that `fold` says."""
    at = local.replace(tzinfo=zone, fold=fold)
    moment = at.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local:
        return moment
    # In a gap the two readings lie on both sides of the change, as far from it as the clock moves.
    offsets = [local.replace(tzinfo=zone, fold=n).utcoffset() or timedelta() for n in (0, 1)]
    return _change(zone, local.replace(tzinfo=UTC) - max(offsets), local.replace(tzinfo=UTC) - min(offsets))


def _change(zone: zoneinfo.ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment between the two at which the zone's clock moves, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > before else middle
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after.replace(microsecond=0)


def _parsed(what: Recurrence, zone: zoneinfo.ZoneInfo) -> rrule:
    parts = check(what.rrule)
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], zone)
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        made = rrulestr(text, dtstart=datetime.combine(what.starts_on, what.starts_at))
    except (ValueError, TypeError) as error:
        raise BadRule(f"It cannot be read: {error}.") from None
    if not isinstance(made, rrule):
        raise BadRule("It must be one rule.")
    return made


def _until(text: str, zone: zoneinfo.ZoneInfo) -> str:
    """The last moment on the wall clock of the zone; a day counts to its end."""
    try:
        if not text.endswith("Z"):
            day = datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=zone)
            return text if "T" in text else f"{day:%Y%m%d}T235959"
        limit = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return f"{limit.astimezone(zone):%Y%m%dT%H%M%S}"
    except (ValueError, OverflowError):
        raise BadRule(f"UNTIL={text} is no day or time.") from None


def as_kept(text: str) -> str:
    """A rule as it is kept: in capitals, without the name that stands before it in a calendar."""
    return text.strip().removeprefix("RRULE:").upper()


def check(text: str) -> dict[str, str]:
    """The parts of a rule by name. Raises BadRule, also for what would recur never or without end."""
    parts: dict[str, str] = {}
    for part in as_kept(text).split(";"):
        name, _, value = part.partition("=")
        if name in parts:
            raise BadRule(f"{name} stands there twice.")
        parts[name] = value
        _check_part(name, value)
    if "FREQ" not in parts:
        raise BadRule("It needs FREQ, as in FREQ=WEEKLY;BYDAY=FR.")
    if "UNTIL" in parts and "COUNT" in parts:
        raise BadRule("UNTIL and COUNT cannot stand together.")
    _check_ends(parts)
    return parts


def _check_ends(parts: dict[str, str]) -> None:
    """Of the days that some rules count none ever matches: looking for one goes on, day by day, to the year 9999."""
    narrow = {"BYDAY", "BYMONTH"} & {*parts}
    if parts["FREQ"] == "DAILY" and ("BYMONTHDAY" in parts or ("INTERVAL" in parts and narrow)):
        raise BadRule("FREQ=DAILY goes with neither BYMONTHDAY nor INTERVAL beside BYDAY; take WEEKLY or MONTHLY.")
    if parts["FREQ"] in ("DAILY", "WEEKLY") and {"BYMONTHDAY", "BYSETPOS"} & {*parts}:
        raise BadRule("BYMONTHDAY and BYSETPOS go with FREQ=MONTHLY and FREQ=YEARLY only.")
    if parts["FREQ"] in ("DAILY", "WEEKLY") and any(
        day[0] not in "MTWFS" for day in parts.get("BYDAY", "M").split(",")
    ):
        raise BadRule("Numbers before days, as in 1MO, go with FREQ=MONTHLY and FREQ=YEARLY only.")
    if parts.get("BYSETPOS", "").count(",") >= MOST_POSITIONS:
        raise BadRule(f"BYSETPOS takes at most {MOST_POSITIONS} numbers.")


def _check_part(name: str, value: str) -> None:
    known = ", ".join(["FREQ", "BYDAY", "UNTIL", "WKST", *_PARTS])
    if name == "FREQ":
        good, wanted = value in _FREQUENCIES, f"one of {', '.join(_FREQUENCIES)}"
    elif name in ("BYDAY", "WKST"):
        good, wanted = all(_DAYS.fullmatch(day) for day in value.split(",")), "days such as MO,TU or 1MO"
    elif name == "UNTIL":
        good, wanted = bool(_UNTIL.fullmatch(value)), "a day such as 20271231, or a time such as 20271231T220000Z"
    elif name in _PARTS:
        allowed = _PARTS[name]
        good, wanted = all(_is_in(text, allowed) for text in value.split(",")), f"{allowed[0]} to {allowed[-1]}"
    else:
        raise BadRule(f"{name or 'An empty part'} is not known here. Known: {known}.")
    if not good:
        raise BadRule(f"{name} takes {wanted}.")


def _is_in(text: str, allowed: range) -> bool:
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,5}", text) else None
    return number is not None and number in allowed and (number != 0 or allowed[0] == 0)
