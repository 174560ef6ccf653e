"""Small server-made drawings: tier gauge, bars, line and column charts.

Widths and heights are SVG attributes because the content policy allows no inline styles; colours are classes.
Every drawing has words: an aria-label, or it is hidden because the words stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MARKS: Final = ((0, 9), (3, 7.5), (6, 6), (9, 4), (12, 2), (15, 0))
WIDE: Final = 300


@dataclass(frozen=True)
class Chart:
    """What to draw: values left to right, tone, height in px, words for those who do not see it."""

    values: Sequence[float]
    label: str
    tone: str = "accent"
    height: int = 60


def gauge(rank: int) -> SafeString:
    """Six rising marks, the first `rank` of them filled."""
    marks = format_html_join(
        "",
        '<rect x="{}" y="{}" width="2" height="{}"{}></rect>',
        (
            (x, _short(y), _short(11 - y), SafeString(' class="on"') if at < rank else "")
            for at, (x, y) in enumerate(MARKS)
        ),
    )
    return format_html('<svg class="gauge" viewBox="0 0 17 11" aria-hidden="true">{}</svg>', marks)


def bar(
    value: float, total: float, *, pending: float = 0, tone: str = "accent", tick: float | None = None
) -> SafeString:
    """A horizontal bar in units of `total`: solid up to `value`, hatched for `pending`, a mark at `tick`."""
    pieces = [SafeString('<rect class="bar-track" width="100%" height="6" rx="3"></rect>')]
    if pending > 0:
        # It begins below the solid part, so that the round end of that shows no gap.
        start = max(0.0, value - total * 0.02)
        pieces.append(
            format_html(
                '<rect x="{}%" width="{}%" height="6" fill="url(#hatch)"></rect>',
                _percent(start, total),
                _percent(min(total, value + pending) - start, total),
            )
        )
    pieces.append(format_html('<rect class="f-{}" width="{}%" height="6" rx="3"></rect>', tone, _percent(value, total)))
    if tick is not None:
        # A mark at the far end would be cut in half.
        place = _percent(min(tick, total * 0.99), total)
        pieces.append(format_html('<rect class="bar-tick" x="{}%" y="-3" width="2" height="12"></rect>', place))
    return format_html('<svg class="bar" height="6" aria-hidden="true">{}</svg>', SafeString("".join(pieces)))


def segments(tones: Sequence[str]) -> SafeString:
    """One piece of bar per step, in its tone (ok, run, wait, bad, idle)."""
    each = 100 / max(1, len(tones))
    pieces = format_html_join(
        "",
        '<rect class="f-{}" x="{}%" width="{}%" height="5" rx="2.5"></rect>',
        ((tone, _short(at * each), _short(each - 0.5)) for at, tone in enumerate(tones)),
    )
    return format_html('<svg class="bar" height="5" aria-hidden="true">{}</svg>', pieces)


def columns(chart: Chart, *, marked: int | None = None, later_from: int | None = None) -> SafeString:
    """Columns from zero; one may be marked (warn), those from `later_from` on are a forecast (grey)."""
    top = max((*chart.values, 0)) or 1
    each = WIDE / max(1, len(chart.values))
    drawn = format_html_join(
        "",
        '<rect class="f-{}" x="{}" y="{}" width="{}" height="{}"></rect>',
        (
            (
                "warn" if at == marked else "later" if later_from is not None and at >= later_from else chart.tone,
                _short(at * each),
                _short(chart.height - _tall(value, top, chart.height)),
                _short(each - min(2, each / 4)),
                _short(_tall(value, top, chart.height)),
            )
            for at, value in enumerate(chart.values)
        ),
    )
    return _frame(chart, drawn)


def line(chart: Chart, *, limit: float | None = None) -> SafeString:
    """A line over a pale area from zero, with a dashed limit if there is one."""
    values = tuple(chart.values) or (0.0,)
    top = max((*values, limit or 0)) or 1
    step = WIDE / max(1, len(values) - 1)
    points = " ".join(
        f"{_short(at * step)},{_short(chart.height - 1 - max(0.0, value) / top * (chart.height - 2))}"
        for at, value in enumerate(values)
    )
    drawn = format_html(
        '<polygon class="chart-area f-{}" points="0,{} {} {},{}"></polygon>'
        '<polyline class="chart-line s-{}" vector-effect="non-scaling-stroke" points="{}"></polyline>',
        chart.tone,
        chart.height,
        points,
        WIDE,
        chart.height,
        chart.tone,
        points,
    )
    return _frame(chart, drawn if limit is None else drawn + _limit(limit, top, chart.height))


def _limit(limit: float, top: float, height: int) -> SafeString:
    y = _short(height - 1 - limit / top * (height - 2))
    return format_html(
        '<line class="chart-limit" vector-effect="non-scaling-stroke" x1="0" x2="{}" y1="{}" y2="{}"></line>',
        WIDE,
        y,
        y,
    )


def _frame(chart: Chart, drawn: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" height="{}"'
        ' preserveAspectRatio="none">{}</svg>',
        chart.label,
        WIDE,
        chart.height,
        chart.height,
        drawn,
    )


def _tall(value: float, top: float, height: int) -> float:
    return max(1.0, value / top * height) if value > 0 else 0.0


def _percent(value: float, total: float) -> str:
    return _short(min(100.0, max(0.0, value / total * 100))) if total > 0 else "0"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
