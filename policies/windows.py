"""May a change begin now? Windows that match it, as their rows and written occurrences say. Keeping them: windowing.py.

A freeze beats an allowance. Where any allow window matches, the time outside all of them is closed.
"""

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from policies.models import User, Window, WindowOccurrence
from policies.models.windows import Effect, Running
from policies.permissions import Permission, services_with, teams_with

# Going back is the remedy in an emergency, so a window holds it only where its list of kinds names it.
EXEMPT = frozenset({"rollback"})


@dataclass(frozen=True)
class Open:
    """It may begin. `rule` is the allow window that says so, or nothing."""

    rule: str = ""


@dataclass(frozen=True)
class Closed:
    """It may not begin: the window, why, until when (None: no end is known), and whether running ones are held."""

    rule: str
    reason: str
    until: datetime | None
    time_zone: str = "UTC"
    holds: bool = False

    @property
    def sentence(self) -> str:
        """What waits says of it, without a full stop."""
        if self.until is None:
            return f"Waits for the window {self.rule}, which has no end that is known"
        local = self.until.astimezone(zoneinfo.ZoneInfo(self.time_zone))
        return f"Waits for the window {self.rule}, opens {local:%A %-d %B %H:%M} ({self.time_zone})"


@dataclass(frozen=True)
class Row:
    """An active window that matches, with its occurrences that are not over, in order."""

    slug: str
    effect: str
    running: str
    reason: str
    time_zone: str
    known_until: datetime
    spans: tuple[tuple[datetime, datetime], ...]

    def end_at(self, moment: datetime) -> datetime | None:
        """The last end of what lasts at this moment, or None."""
        return max((end for begin, end in self.spans if begin <= moment < end), default=None)


def open_now(*, kind: str, tier: str, team: str, service: str, now: datetime) -> Open | Closed:
    """May a change of this kind begin now in this tier, for this team and service (slugs)?"""
    return decide(matching(kind=kind, tier=tier, team=team, service=service, now=now), now)


def matching(*, kind: str, tier: str, team: str, service: str, now: datetime) -> list[Row]:
    """The active windows that match, as rows to decide on."""
    wanted = {"tiers": tier, "teams": team, "services": service}
    found = [w for w in Window.objects.filter(active=True).order_by("slug") if _matches(w, kind, wanted)]
    if not found:
        return []
    spans: dict[int, list[tuple[datetime, datetime]]] = {window.pk: [] for window in found}
    rows = WindowOccurrence.objects.filter(window__in=found, during__endswith__gt=now).order_by("during")
    for pk, during in rows.values_list("window", "during"):
        spans[pk].append((during.lower, during.upper))
    return [Row(w.slug, w.effect, w.running, w.reason, w.time_zone, w.known_until, tuple(spans[w.pk])) for w in found]


def _matches(window: Window, kind: str, wanted: dict[str, str]) -> bool:
    if kind in EXEMPT if not window.kinds else kind not in window.kinds:
        return False
    return all(not getattr(window, name) or value in getattr(window, name) for name, value in wanted.items())


def decide(rows: Sequence[Row], now: datetime) -> Open | Closed:
    """The same of rows at hand: pure."""
    closing = _closing(rows, now)
    if closing:
        first = closing[0]
        return Closed(
            rule=first.slug,
            reason=first.reason,
            until=_opens(rows, now),
            time_zone=first.time_zone,
            holds=any(row.running == Running.HOLD for row in closing),
        )
    return Open(next((row.slug for row in rows if row.effect == Effect.ALLOW), ""))


def _closing(rows: Sequence[Row], moment: datetime) -> list[Row]:
    """The windows that close this moment. What is not written down that far counts as frozen."""
    freezes = [row for row in rows if row.effect == Effect.FREEZE and (row.end_at(moment) or row.known_until <= moment)]
    allows = [row for row in rows if row.effect == Effect.ALLOW]
    if not allows or any(row.end_at(moment) for row in allows):
        return freezes
    return [*freezes, *allows]


def _opens(rows: Sequence[Row], now: datetime) -> datetime | None:
    """The first moment from now at which nothing closes: an end of a freeze or a begin of an allowance."""
    ends = {end for row in rows if row.effect == Effect.FREEZE for _, end in row.spans}
    begins = {begin for row in rows if row.effect == Effect.ALLOW for begin, _ in row.spans}
    moments = sorted(moment for moment in ends | begins if moment > now)
    return next((moment for moment in moments if not _closing(rows, moment)), None)


def visible_to(user: User) -> QuerySet[Window]:
    """The windows that hold for everybody, or for a team or service that this person may see."""
    teams = list(teams_with(user, Permission.VIEW).values_list("slug", flat=True))
    services = list(services_with(user, Permission.VIEW).values_list("slug", flat=True))
    of_teams = Q(teams=[]) | Q(teams__overlap=teams)
    return Window.objects.filter(of_teams, Q(services=[]) | Q(services__overlap=services)).order_by("-active", "slug")


def next_of(windows: Sequence[Window], now: datetime) -> dict[int, tuple[datetime, datetime]]:
    """The occurrence of each window that lasts now or comes next, by the window's id."""
    rows = WindowOccurrence.objects.filter(window__in=windows, during__endswith__gt=now)
    first = rows.order_by("window_id", "during").distinct("window_id")
    return {pk: (during.lower, during.upper) for pk, during in first.values_list("window_id", "during")}
