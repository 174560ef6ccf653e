"""The forms of a window and of a switch, as what their actions take. What is allowed is the actions' to say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from policies.models import User, Window
from policies.results import FieldError
from policies.windowing import Options, Wanted

LISTS = ("tiers", "teams", "services", "kinds")
TEXTS = ("slug", "name", "effect", "rrule", "starts_on", "starts_at", "time_zone", "running", "reason")
NUMBERS = ("hours", "minutes")
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class WindowForm:
    """What was sent, or what stands; `errors` name what could not be read at all."""

    values: Mapping[str, str]
    active: bool
    asked: str
    errors: tuple[FieldError, ...]

    @property
    def only_shows(self) -> bool:
        """Shall it only say when the window would last?"""
        return self.asked == "preview"

    def wanted(self) -> Wanted:
        """As the action takes it. Call without errors only."""
        names = ("slug", "name", "effect", "rrule", "time_zone", "running", "reason")
        texts: dict[str, Any] = {name: self.values[name] for name in names}
        hours, minutes = (int(self.values[name] or 0) for name in NUMBERS)
        lists: dict[str, Any] = {name: tuple(words(self.values[name])) for name in LISTS}
        return Wanted(
            **texts,
            **lists,
            starts_on=date.fromisoformat(self.values["starts_on"]),
            starts_at=time.fromisoformat(self.values["starts_at"]),
            duration=timedelta(hours=hours, minutes=minutes),
            active=self.active,
        )


def words(text: str) -> list[str]:
    """What stands between commas or spaces, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def read(by: User, sent: QueryDict, found: Window | None, options: Options) -> WindowForm:
    """What was sent, else what stands, else what is usual. The short name of a window stays."""
    if not sent:
        values = _usual(by) if found is None else of_window(found, options)
        return WindowForm(values, found is None or found.active, "", ())
    values = {name: sent.get(name, "").strip()[:400] for name in (*TEXTS, *NUMBERS, *LISTS)}
    if found is not None:
        values["slug"] = found.slug
    return WindowForm(values, "active" in sent, sent.get("asked", ""), tuple(_unreadable(values)))


def _usual(by: User) -> dict[str, str]:
    empty = dict.fromkeys((*TEXTS, *NUMBERS, *LISTS), "")
    when = {"rrule": "FREQ=WEEKLY;BYDAY=FR", "starts_on": f"{timezone.localdate():%Y-%m-%d}", "starts_at": "00:00"}
    kind = {"effect": "freeze", "running": "finish", "time_zone": by.time_zone, "hours": "24", "minutes": "0"}
    return {**empty, **when, **kind}


def of_window(found: Window, options: Options) -> dict[str, str]:
    """A window as its form shows it; of kinds that go together only the one that stands for them."""
    whole = found.duration // MINUTE
    texts = {name: str(getattr(found, name)) for name in ("slug", "name", "effect", "rrule", "time_zone", "running")}
    lists = {name: ", ".join(getattr(found, name)) for name in ("tiers", "teams", "services")}
    return {
        **texts,
        **lists,
        "kinds": ", ".join(kind for kind in found.kinds if kind in options.kinds),
        "reason": found.reason,
        "starts_on": f"{found.starts_on:%Y-%m-%d}",
        "starts_at": f"{found.starts_at:%H:%M}",
        "hours": str(whole // 60),
        "minutes": str(whole % 60),
    }


def _unreadable(values: Mapping[str, str]) -> list[FieldError]:
    errors = []
    if not _reads(date.fromisoformat, values["starts_on"]):
        errors.append(FieldError("starts_on", "window.starts_on", _("It is no day."), _("As in 2027-01-31.")))
    if not _reads(_clock, values["starts_at"]):
        errors.append(FieldError("starts_at", "window.starts_at", _("It is no time of day."), _("As in 17:00.")))
    for name in NUMBERS:
        if values[name] and not is_whole(values[name]):
            errors.append(FieldError(name, "window.duration", _("It is no whole number."), _("As in 24.")))
    return errors


def _reads(read_it: Callable[[str], object], text: str) -> bool:
    try:
        read_it(text)
    except ValueError:
        return False
    return True


def _clock(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError("a time of day has no zone of its own")
    return found


def is_whole(text: str) -> bool:
    """A number of at most four digits."""
    return text.isascii() and text.isdigit() and len(text) <= 4


def end_of(sent: QueryDict) -> datetime:
    """The planned end of a switch; what cannot be read has ended already, which the action refuses."""
    hours = sent.get("hours", "")
    return timezone.now() + timedelta(hours=int(hours) if is_whole(hours) else 0)
