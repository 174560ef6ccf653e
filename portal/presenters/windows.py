"""Windows, stopped lines and switches as pages show them."""

import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from policies.models import Stop, Switch, SwitchName, User, Window, WindowEffect
from policies.stops import may_lift

Span = tuple[datetime, datetime]


def chips(here: str) -> list[dict[str, Any]]:
    """The pages of this part of governance."""
    words = {"windows": _("Windows"), "stops": _("Stopped lines"), "switches": _("Switches")}
    return [{"label": label, "url": reverse(name), "on": name == here} for name, label in words.items()]


def rows(found: Sequence[Window], spans: dict[int, Span], now: datetime) -> list[dict[str, Any]]:
    """Rows of the list."""
    return [
        {
            "window": row,
            "url": reverse("window", args=[row.pk]),
            "pill": pill(row, spans.get(row.pk), now),
            "scope": scope(row),
            "span": span(spans[row.pk], row.time_zone) if row.pk in spans else "",
        }
        for row in found
    ]


def pill(row: Window, next_span: Span | None, now: datetime) -> dict[str, str]:
    """Tone, icon and word of what it does now."""
    lasts = next_span is not None and next_span[0] <= now
    if not row.active:
        return {"tone": "idle", "icon": "archive", "word": _("Out of force")}
    if row.effect == WindowEffect.ALLOW:
        open_ = {"tone": "ok", "icon": "circle-check", "word": _("Open now")}
        return open_ if lasts else {"tone": "warn", "icon": "lock", "word": _("Closed now")}
    if lasts:
        return {"tone": "bad", "icon": "lock", "word": _("Frozen now")}
    return {"tone": "idle", "icon": "clock", "word": _("Not now")}


def scope(row: Window) -> str:
    """What it holds for, in words."""
    lists = [row.tiers, row.teams, row.services, row.kinds]
    return "; ".join(", ".join(names) for names in lists if names) or _("everything")


def span(found: Span, zone: str) -> str:
    """From when until when, on the wall clock of its zone."""
    begin, end = (moment.astimezone(zoneinfo.ZoneInfo(zone)) for moment in found)
    until = f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%a %-d %b %H:%M}"
    return f"{begin:%a %-d %b %Y %H:%M} – {until}"


def spans(found: Iterable[Span], zone: str) -> list[str]:
    """The same of several."""
    return [span(each, zone) for each in found]


def stop_rows(by: User, found: Iterable[Stop]) -> list[dict[str, Any]]:
    """Stopped lines, and whether this person may lift each."""
    return [
        {
            "stop": row,
            "line": row.service.slug if row.service else _("every line"),
            "lifts": row.lifted_at is None and bool(may_lift(by, row)),
            "yours": row.lifted_at is None and row.stopped_by_id == by.pk,
        }
        for row in found
    ]


def switch_row(name: str, row: Switch | None) -> dict[str, Any]:
    """One switch, by what it does, and its present use."""
    acts = {
        SwitchName.PROVISIONING: _("Pause provisioning"),
        SwitchName.SCHEDULES: _("Pause schedules"),
        SwitchName.NOTIFICATIONS: _("Pause notifications"),
        SwitchName.RECONCILE: _("Pause automatic reconciling"),
        SwitchName.READ_ONLY: _("Make Berth read-only"),
    }
    return {"name": name, "act": acts[SwitchName(name)], "use": row}
