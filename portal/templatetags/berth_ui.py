"""Tags and filters of the portal's pages: the template names of berth_words and berth_svg.

A built-in library (no `load` needed). Markup of more than one element belongs in templates/components.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.templatetags import berth_svg as svg
from portal.templatetags import berth_words as words
from portal.templatetags.berth_words import STATUSES, Status, status_of

__all__ = ["STATUSES", "Status", "register", "status_of"]

register = template.Library()

Figure = float | Decimal | str | None


# Times. A variable that is not there reaches a filter as the empty string, so that reads as None.


def _time(at: datetime, text: str, *, live: str = "") -> SafeString:
    moving = format_html(' data-live="{}"', live) if live else ""
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', at.isoformat(), words.exact(at), moving, text)


@register.filter
def age(at: datetime | None) -> str | SafeString:
    """How old, one unit, without "ago": for columns headed "Age" or "Changed"."""
    if not at:
        return words.NOTHING
    return _time(at, words.roughly((timezone.now() - at).total_seconds()), live="age")


@register.filter
def ago(at: datetime | None) -> str | SafeString:
    """How long ago, one unit: "26 min ago"; "just now" below five seconds and for clocks a little ahead."""
    if not at:
        return words.NOTHING
    passed = (timezone.now() - at).total_seconds()
    return _time(at, f"{words.roughly(passed)} ago" if passed >= 5 else "just now", live="ago")


@register.filter
def until(at: datetime | None) -> str | SafeString:
    """How long still, two units: "3 d 4 h"; a moment that has passed reads as `ago`."""
    if not at:
        return words.NOTHING
    left = (at - timezone.now()).total_seconds()
    return _time(at, words.span(left), live="until") if left > 0 else ago(at)


@register.filter
def clock(at: datetime | None) -> str | SafeString:
    """The time in the viewer's zone as people say it: "today 19:45", "Thu 26 Nov, 18:45"."""
    return words.NOTHING if not at else _time(at, words.short_clock(at, now=timezone.now()))


@register.filter
def time_of_day(at: datetime | None) -> str | SafeString:
    """Hours to seconds in the viewer's zone: "14:32:07"; for logs and lists within one day."""
    return words.NOTHING if not at else _time(at, f"{timezone.localtime(at):%H:%M:%S}")


@register.filter
def duration(value: float | timedelta | str | None) -> str:
    """Measured seconds or timedelta: "2:14"."""
    return words.NOTHING if isinstance(value, str) else words.stopwatch(value)


@register.filter
def long_duration(value: float | timedelta | str | None) -> str:
    """Seconds or timedelta in words: "18 h 40 min"."""
    if value is None or isinstance(value, str):
        return words.NOTHING
    return words.span(value.total_seconds() if isinstance(value, timedelta) else value)


# Amounts and names


@register.filter
def money(value: int | float | Decimal | str | None, places: int = 2) -> str:
    """Euro: "€593.28"; `|money:0` for whole ones. Other currencies: the tag `money_in`."""
    return words.NOTHING if isinstance(value, str) else words.amount(value, places=places)


@register.simple_tag
def money_in(value: int | float | Decimal | None, currency: str, places: int = 2) -> str:
    """The amount with the sign of an ISO 4217 code."""
    return words.amount(value, places=places, currency=currency)


@register.filter
def number(value: int | float | Decimal | str | None, places: int = 0) -> str:
    """Grouped by hard spaces: "18 402"."""
    return words.NOTHING if value is None or isinstance(value, str) else words.grouped(value, places=places)


@register.filter
def plural(value: int, forms: str) -> str:
    """The count with its word: `7|plural:"environment,environments"` is "7 environments"."""
    one, _, many = forms.partition(",")
    return f"{words.grouped(value)} {one if value == 1 else many or one + 's'}"


@register.filter
def short_digest(value: str | None) -> str:
    """Six signs, as on buttons: "3f9a1c"."""
    return words.short_hash(value) if value else words.NOTHING


@register.filter
def middle_digest(value: str | None) -> str:
    """Algorithm, head and tail, where a hash is compared by eye: "sha256:3f9a1c7be20d…91ac"."""
    return words.middle_hash(value) if value else words.NOTHING


@register.filter
def initials(name: str) -> str:
    """Letters for the round face: "ML"."""
    return words.initials_of(name)


# Marks and drawings


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """One icon of the sprite; hidden from readers unless it has a label because no word stands beside it."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="i{}" {}><use href="{}#{}"></use></svg>',
        f" {css}" if css else "",
        spoken,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def status_pill(status: str, detail: str = "", word: str = "") -> SafeString:
    """The pill of a state: icon, word and what follows after a comma; `word` replaces the usual word."""
    look = status_of(str(status))
    text = word or look.word
    return pill(look.tone, look.icon, f"{text}, {detail}" if detail else text)


@register.simple_tag
def pill(tone: str, icon_name: str, text: str) -> SafeString:
    """A pill for what is no state of the vocabulary, such as a gate's verdict."""
    return format_html('<span class="pill pill-{}">{}<span>{}</span></span>', tone, icon(icon_name), text)


@register.simple_tag
def tier_gauge(tier: str, rank: int | None = None) -> SafeString:
    """Six rising marks filled up to the tier, and its name; prod is inverted."""
    name = str(tier)
    marks = svg.gauge(words.rank_of(name) if rank is None else rank)
    css = "tier tier-prod" if name == "prod" else "tier"
    return format_html('<span class="{}">{}{}</span>', css, marks, name)


def _figure(value: Figure) -> float | None:
    """A template's number; a variable that is not there reaches a tag as the empty string."""
    return None if value is None or value == "" else float(value)


@register.simple_tag
def bar_svg(value: Figure, total: Figure, pending: Figure = 0, tone: str = "accent", tick: Figure = None) -> SafeString:
    """A horizontal bar; see berth_svg.bar. The words belong beside it."""
    return svg.bar(
        _figure(value) or 0, _figure(total) or 0, pending=_figure(pending) or 0, tone=tone, tick=_figure(tick)
    )


@register.simple_tag
def segments_svg(tones: Sequence[str]) -> SafeString:
    """One piece per step in its tone."""
    return svg.segments(tones)


@register.simple_tag
def line_svg(
    values: Iterable[float], label: str, tone: str = "accent", height: int = 40, limit: Figure = None
) -> SafeString:
    """A sparkline; `label` says what it shows, least and most."""
    return svg.line(svg.Chart([float(v) for v in values], label, tone, height), limit=_figure(limit))


@register.simple_tag
def columns_svg(
    values: Iterable[float],
    label: str,
    height: int = 60,
    marked: int | str | None = None,
    later_from: int | str | None = None,
) -> SafeString:
    """Columns; `marked` is the index of the one that stands out, `later_from` that of the first forecast."""
    chart = svg.Chart([float(v) for v in values], label, height=height)
    return svg.columns(
        chart,
        marked=None if marked in ("", None) else int(marked),
        later_from=None if later_from in ("", None) else int(later_from),
    )


# Tables and forms


@register.filter
def next_sort(current: str | None, key: str) -> str:
    """What a click on the head of `key` sorts by: the other way round if it is sorted by it now."""
    return f"-{key}" if current == key else key


@register.filter
def sort_state(current: str | None, key: str) -> str:
    """The value of aria-sort for the column `key`."""
    return {key: "ascending", f"-{key}": "descending"}.get(current or "", "none")


@register.filter
def control(field: BoundField | Mapping[str, object]) -> SafeString | str:
    """The widget of a form field, tied to its help, finding and error for screen readers."""
    if not isinstance(field, BoundField):
        return str(field.get("control", ""))
    attrs: dict[str, str | bool] = {"aria-describedby": f"{field.auto_id}_says"}
    if field.errors:
        attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a note for a Django message level."""
    return {"success": "ok", "warning": "warn", "error": "bad"}.get(level_tag, "run")


@register.filter
def nav_key(label: str) -> str:
    """The key after `g` that goes to a page: its first letter, but y for History, since Home has h."""
    return "y" if label == "History" else label[:1].lower()


@register.simple_tag
def marking(text: str, changed: str | None) -> SafeString:
    """A diff line with its changed words (first occurrence) in `mark`."""
    before, found, after = str(text).partition(changed) if changed else (text, "", "")
    return format_html("{}<mark>{}</mark>{}", before, found, after) if found else format_html("{}", text)
