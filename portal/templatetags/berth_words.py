"""Words for states, times, amounts and hashes, as plain functions.

No markup (berth_svg, berth_ui) and no queries. Times round down: "3 d 4 h left" is never more than is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.utils import timezone
from django.utils.dateformat import format as date_format

GROUP_SPACE: Final = "\u00a0"
MINUS: Final = "\u2212"
NOTHING: Final = "—"
TIERS: Final = ("sandbox", "preview", "dev", "test", "stage", "prod")
SYMBOLS: Final[Mapping[str, str]] = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True)
class Status:
    """How one state looks everywhere: its word, Tabler icon and tone (ok, run, wait, warn, bad, idle)."""

    word: str
    icon: str
    tone: str


STATUSES: Final[Mapping[str, Status]] = {
    # environments
    "requested": Status("Requested", "clock", "idle"),
    "creating": Status("Provisioning", "progress", "run"),
    "ready": Status("Running", "circle-check", "ok"),
    "applying": Status("Applying", "progress", "run"),
    "deploying": Status("Rolling out", "progress", "run"),
    "suspending": Status("Suspending", "progress", "run"),
    "suspended": Status("Suspended", "player-pause", "idle"),
    "resuming": Status("Resuming", "progress", "run"),
    "destroying": Status("Destroying", "progress", "run"),
    "destroyed": Status("Destroyed", "archive", "idle"),
    "expiring": Status("Expires soon", "hourglass-low", "warn"),
    "drifted": Status("Drifted", "git-compare", "warn"),
    "degraded": Status("Degraded", "heart-rate-monitor", "warn"),
    # operations
    "planning": Status("Planning", "progress", "run"),
    "awaiting_approval": Status("Waiting for approval", "signature", "wait"),
    "returned": Status("Sent back", "arrow-back-up", "wait"),
    "held": Status("Held", "hand-stop", "warn"),
    "waiting": Status("Waiting", "clock", "idle"),
    "queued": Status("Queued", "clock", "idle"),
    "running": Status("Under way", "progress", "run"),
    "verifying": Status("Verifying", "progress", "run"),
    "succeeded": Status("Succeeded", "circle-check", "ok"),
    "failing": Status("Failing, undoing", "rotate-clockwise", "warn"),
    "cancelling": Status("Cancelling", "progress", "run"),
    "rolled_back": Status("Rolled back", "rotate-clockwise", "warn"),
    "failed": Status("Failed", "circle-x", "bad"),
    "denied": Status("Blocked", "shield-x", "bad"),
    "rejected": Status("Rejected", "circle-x", "bad"),
    "expired": Status("Expired", "clock-x", "idle"),
    "cancelled": Status("Cancelled", "circle-minus", "idle"),
    # findings of a rule
    "passes": Status("Passes", "check", "ok"),
    "warns": Status("Warns", "alert-triangle", "warn"),
    "blocks": Status("Blocked", "shield-x", "bad"),
    # template versions, secrets, signatures
    "active": Status("Active", "circle-check", "ok"),
    "allowed": Status("Allowed", "circle-check", "ok"),
    "deprecated": Status("Deprecated", "hourglass-low", "warn"),
    "retired": Status("Retired", "archive", "idle"),
    "in_sync": Status("In sync", "circle-check", "ok"),
    "fell_back": Status("Fell back", "alert-triangle", "warn"),
    "signed": Status("Signed", "circle-check", "ok"),
    "mitigating": Status("Mitigating", "device-desktop-analytics", "warn"),
}


def status_of(key: str) -> Status:
    """The look of a state; an unknown one keeps its own word and stays grey rather than vanish."""
    known = STATUSES.get(key)
    return known or Status(key.replace("_", " ").capitalize() or "Unknown", "circle-dashed", "idle")


def rank_of(tier: str) -> int:
    """1 (sandbox) to 6 (prod); 0 for a tier without a mark."""
    return TIERS.index(tier) + 1 if tier in TIERS else 0


def roughly(seconds: float) -> str:
    """One unit, for ages: "8 s", "26 min", "2 h", "13 d"."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def span(seconds: float) -> str:
    """Two units, for what is left: "3 d 4 h", "5 h 12 min", "26 min", "50 s"; days alone from ten days on."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days >= 10:
        return f"{days} d"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{whole} s"


def stopwatch(value: float | timedelta | None) -> str:
    """A measured duration: "0:48", "2:14", "1:02:03"."""
    if value is None:
        return NOTHING
    whole = max(0, int(value.total_seconds() if isinstance(value, timedelta) else value))
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def exact(at: datetime) -> str:
    """The full time in the viewer's zone: "Mon 23 Nov 2026, 14:32:07 UTC"."""
    return date_format(timezone.localtime(at), "D j M Y, H:i:s T")


def short_clock(at: datetime, *, now: datetime) -> str:
    """The time as people say it: "today 19:45", "Thu 26 Nov, 18:45", "4 Jan 2027, 09:00"."""
    here, today = timezone.localtime(at), timezone.localtime(now)
    if here.date() == today.date():
        return date_format(here, "\\t\\o\\d\\a\\y H:i")
    return date_format(here, "D j M, H:i" if here.year == today.year else "j M Y, H:i")


def short_hash(value: str, *, length: int = 6) -> str:
    """The first signs of a digest without its algorithm: "3f9a1c"."""
    return value.rpartition(":")[2][:length]


def middle_hash(value: str) -> str:
    """Head and tail of a digest: "sha256:3f9a1c7be20d…91ac"; short ones stay whole."""
    name, colon, digits = value.rpartition(":")
    return value if len(digits) <= 20 else f"{name}{colon}{digits[:12]}…{digits[-4:]}"


def grouped(value: int | float | Decimal, *, places: int = 0) -> str:
    """A number with hard spaces between thousands and a true minus: "18 402"."""
    quantum = Decimal(1).scaleb(-places)
    number = Decimal(str(value)).quantize(quantum, rounding=ROUND_HALF_UP)
    text = f"{abs(number):,.{places}f}".replace(",", GROUP_SPACE)
    return f"{MINUS}{text}" if number < 0 else text


def amount(value: int | float | Decimal | None, *, places: int = 2, currency: str = "EUR") -> str:
    """Money with its sign in front: "€1 412.50", "−€3.00"."""
    if value is None:
        return NOTHING
    text = grouped(value, places=places)
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{MINUS}{symbol}{text[1:]}" if text.startswith(MINUS) else f"{symbol}{text}"


def initials_of(name: str) -> str:
    """Two letters for the round face: first and last word, or the first two signs of a single one."""
    words = name.split()
    if len(words) > 1:
        return f"{words[0][0]}{words[-1][0]}".upper()
    return name.strip()[:2].upper()
