"""The per-day bars of the history, and the searches that people often want."""

from datetime import date, timedelta
from typing import Any

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MOST_BARS = 180


def per_day(counts: list[tuple[date, int]], today: date, days: int) -> dict[str, Any]:
    """For components/chart.html: every day from the first, quiet ones at zero."""
    by_day = dict(counts)
    first = max(min(by_day, default=today), today - timedelta(days=MOST_BARS))
    first = min(first, today - timedelta(days=min(days, 13)))
    last = max(today, max(by_day, default=today))
    values = [by_day.get(first + timedelta(days=n), 0) for n in range((last - first).days + 1)]
    total, most = sum(values), max(values)
    words = {"total": total, "most": most}
    return {
        "kind": "columns",
        "values": values,
        "height": 44,
        "label": _("Events per day, %(total)s in all, most on one day %(most)s") % words,
        "left": date_format(first, "j M"),
        "middle": ngettext("%(n)s event", "%(n)s events", total) % {"n": total} + f", {_('most on one day')} {most}",
        "right": date_format(last, "j M"),
    }


def often() -> list[tuple[str, str]]:
    """Label and query of each ready-made search."""
    return [
        (_("Without row changes"), "source=event"),
        (_("Asked for"), "what=operation.requested"),
        (_("Signatures"), "what=operation.signed"),
        (_("Refusals"), "what=operation.refused"),
        (_("Failures"), "what=operation.failed"),
        (_("Exports"), "what=history.exported"),
    ]
