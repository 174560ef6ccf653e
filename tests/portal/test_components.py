"""Words, marks and fragments of the pages: exact output, and what every template must keep to."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory

from portal.templatetags import berth_svg, berth_ui, berth_words

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 14, 32, 7, tzinfo=UTC)
PLAIN = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
TEXT = {
    "surface": ["ink", "ink-2", "ink-3", "accent", "ok", "run", "wait", "warn", "bad", "idle"],
    "well": ["ink", "ink-2", "ink-3"],
    "bg": ["ink", "ink-2", "ink-3"],
    "accent": ["on-accent"],
    "accent-soft": ["accent"],
    **{f"{tone}-soft": [tone] for tone in ("ok", "run", "wait", "warn", "bad", "idle")},
    "add-gutter": ["ok"],
    "chg-gutter": ["warn"],
    "del-gutter": ["bad"],
    "add-line": ["ink"],
    "del-line": ["ink"],
}


@pytest.fixture(autouse=True)
def fixed(settings):
    settings.STORAGES = PLAIN
    with time_machine.travel(NOW, tick=False):
        yield


def render(source: str, **context: object) -> str:
    """As in a page, but without the context processors, which read the database."""
    page = Context(context)
    page.request = page["request"] = RequestFactory().get("/list/?q=a")
    return Template(source).render(page)


def fragment(name: str, **context: object) -> str:
    return " ".join(render(f'{{% include "components/{name}.html" %}}', **context).split())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (86400 * 13 + 5, "13 d"), (-3, "0 s")],
)
def test_an_age_has_one_unit_and_rounds_down(seconds, words):
    assert berth_words.roughly(seconds) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=11, hours=3), "11 d"),
        (timedelta(hours=5, minutes=12), "5 h 12 min"),
        (timedelta(minutes=26, seconds=50), "26 min"),
        (timedelta(seconds=50), "50 s"),
    ],
)
def test_what_is_left_has_two_units(left, words):
    assert berth_words.span(left.total_seconds()) == words


@pytest.mark.parametrize(
    ("value", "words"), [(48, "0:48"), (134, "2:14"), (3723, "1:02:03"), (timedelta(minutes=1), "1:00"), (None, "—")]
)
def test_a_measured_duration_reads_like_a_stopwatch(value, words):
    assert berth_words.stopwatch(value) == words


def test_ago_carries_the_exact_time():
    assert berth_ui.ago(NOW - timedelta(minutes=26)) == (
        '<time datetime="2026-11-23T14:06:07+00:00" title="Mon 23 Nov 2026, 14:06:07 UTC" data-live="ago">'
        "26 min ago</time>"
    )


def test_until_turns_into_ago_when_the_moment_has_passed():
    assert ">5 h 12 min</time>" in berth_ui.until(NOW + timedelta(hours=5, minutes=12))
    assert ">2 min ago</time>" in berth_ui.until(NOW - timedelta(minutes=2))


def test_no_time_is_a_dash():
    assert [f(None) for f in (berth_ui.ago, berth_ui.age, berth_ui.until, berth_ui.clock)] == ["—"] * 4


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW.replace(hour=19, minute=45), "today 19:45"),
        (NOW + timedelta(days=3, hours=4), "Thu 26 Nov, 18:32"),
        (NOW + timedelta(days=60), "22 Jan 2027, 14:32"),
    ],
)
def test_the_clock_speaks_as_people_do(at, words):
    assert berth_words.short_clock(at, now=NOW) == words


def test_the_clock_is_in_the_zone_of_the_viewer():
    from django.utils import timezone

    with timezone.override("Europe/Stockholm"):
        assert "today 15:32" in berth_ui.clock(NOW)
        assert 'title="Mon 23 Nov 2026, 15:32:07 CET"' in berth_ui.clock(NOW)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Decimal("593.28"), 2, "€593.28"),
        (Decimal("1412"), 0, "€1\u00a0412"),
        (Decimal("-3"), 2, "−€3.00"),
        (Decimal("0.005"), 2, "€0.01"),
        (None, 2, "—"),
    ],
)
def test_money_has_its_sign_in_front(value, places, text):
    assert berth_ui.money(value, places) == text


def test_money_in_another_currency():
    assert berth_ui.money_in(5, "USD") == "$5.00"
    assert berth_ui.money_in(5, "SEK", 0) == "SEK 5"


def test_counts_carry_the_right_word():
    assert berth_ui.plural(1, "environment,environments") == "1 environment"
    assert berth_ui.plural(0, "entry,entries") == "0 entries"
    assert berth_ui.plural(18402, "line") == "18\u00a0402 lines"


def test_digests_are_short_on_buttons_and_have_head_and_tail_beside_them():
    digest = "sha256:3f9a1c7be20d48f6a1b2c3d4e5f691ac"
    assert berth_ui.short_digest(digest) == "3f9a1c"
    assert berth_ui.middle_digest(digest) == "sha256:3f9a1c7be20d…91ac"
    assert berth_ui.middle_digest("3f9a1c") == "3f9a1c"
    assert berth_ui.short_digest("") == "—"


def test_initials_are_two_letters():
    assert [berth_ui.initials(n) for n in ("Mara Lindqvist", "Ana de la Cruz", "ops", "")] == ["ML", "AC", "OP", ""]


def test_a_pill_has_icon_word_and_tone():
    assert berth_ui.status_pill("applying", "step 4 of 6") == (
        '<span class="pill pill-run"><svg class="i" aria-hidden="true"><use href="/static/icons.svg#progress"></use>'
        "</svg><span>Applying, step 4 of 6</span></span>"
    )


def test_an_unknown_state_keeps_its_own_word_and_stays_grey():
    assert berth_words.status_of("being_moved") == berth_words.Status("Being moved", "circle-dashed", "idle")


def test_a_pill_escapes_what_it_is_given():
    assert "&lt;b&gt;" in berth_ui.status_pill("ready", "<b>")


def test_the_gauge_fills_up_to_the_tier_and_prod_alone_is_inverted():
    dev, prod = berth_ui.tier_gauge("dev"), berth_ui.tier_gauge("prod")
    assert (dev.count('class="on"'), prod.count('class="on"')) == (3, 6)
    assert dev.startswith('<span class="tier"><svg class="gauge"')
    assert prod.startswith('<span class="tier tier-prod">')


def test_a_bar_shows_used_pending_and_the_usual_mark():
    assert berth_svg.bar(26, 40, pending=2, tick=20) == (
        '<svg class="bar" height="6" aria-hidden="true"><rect class="bar-track" width="100%" height="6" rx="3"></rect>'
        '<rect x="63%" width="7%" height="6" fill="url(#hatch)"></rect>'
        '<rect class="f-accent" width="65%" height="6" rx="3"></rect>'
        '<rect class="bar-tick" x="50%" y="-3" width="2" height="12"></rect></svg>'
    )


@pytest.mark.parametrize(("value", "total", "width"), [(50, 40, "100"), (5, 0, "0"), (-1, 4, "0")])
def test_a_bar_never_leaves_its_track(value, total, width):
    assert f'<rect class="f-accent" width="{width}%"' in berth_svg.bar(value, total)


def test_columns_mark_one_and_grey_the_forecast():
    drawn = berth_svg.columns(berth_svg.Chart([1, 2, 4], "Cost"), marked=1, later_from=2)
    assert re.findall(r'rect class="([^"]+)"', drawn) == ["f-accent", "f-warn", "f-later"]
    assert 'aria-label="Cost"' in drawn


def test_a_line_of_nothing_is_flat_and_does_not_fail():
    assert 'points="0,39"' in berth_svg.line(berth_svg.Chart([], "None yet", height=40))


def test_a_sorted_column_turns_round_and_the_filter_stays_in_the_link():
    head = fragment("th", key="name", label="Name", sort="name")
    assert 'aria-sort="ascending"' in head
    assert 'href="?q=a&amp;sort=-name"' in head
    assert 'aria-sort="none"' in fragment("th", key="name", label="Name", sort="-age")


def test_the_pager_keeps_the_filter_and_counts():
    text = fragment("pager", page=Paginator(range(41), 10).page(2), noun="environments")
    assert "11–20 of 41 environments" in text
    assert 'rel="prev" href="?q=a&amp;page=1"' in text
    assert 'rel="next" href="?q=a&amp;page=3"' in text


def test_a_diff_line_marks_what_changed_and_escapes_the_rest():
    row = {"sign": "-", "no": 15, "text": "image: <x>@old", "mark": "old"}
    assert fragment("diff_row", row=row) == (
        '<div class="diff-row diff-del"><span class="diff-no">15</span><span class="diff-sign">−</span>'
        '<span class="diff-text">image: &lt;x&gt;@<mark>old</mark></span></div>'
    )


def test_a_form_row_ties_label_help_and_error_to_the_field():
    class Form(forms.Form):
        name = forms.CharField(help_text="Lower case.")

    row = fragment("form_row", field=Form({"name": ""})["name"], findings=[{"severity": "warn", "message": "Long."}])
    assert '<label for="id_name">Name</label>' in row
    assert 'aria-describedby="id_name_says"' in row
    assert 'aria-invalid="true"' in row
    assert '<div id="id_name_says">' in row
    assert "This field is required." in row
    assert '<p class="says says-warn">' in row
    assert '<p class="help">Lower case.</p>' in row


def test_who_may_not_sign_sees_why_and_can_press_nothing():
    panel = fragment(
        "signature_panel", signers=[], signed=0, needed=1, digest="sha256:abc", why_not="You asked for this."
    )
    assert 'type="button" aria-disabled="true" aria-describedby="signing-why"' in panel
    assert 'value="reject"' not in panel
    assert 'value="return"' not in panel


def test_an_unavailable_action_stays_in_place_and_names_its_reason():
    action = {"label": "Promote", "primary": True, "disabled_by": "why"}
    assert fragment("action", action=action) == (
        '<button class="btn btn-primary" type="button" aria-disabled="true" aria-describedby="why">Promote</button>'
    )


def test_the_style_guide_renders_every_component():
    page = render('{% include "styleguide.html" %}')
    assert page.count("<h1>") == 1
    shown = "".join(p.read_text() for p in TEMPLATES)
    unused = [p.name for p in (ROOT / "templates/components").glob("*.html") if f"components/{p.name}" not in shown]
    assert unused == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_no_template_needs_more_than_the_content_policy_allows(path):
    source = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on|<script(?![^>]*src=)", source)


def test_every_icon_named_anywhere_is_in_the_sprite():
    known = set(re.findall(r'symbol id="([^"]+)"', (ROOT / "static/icons.svg").read_text()))
    named = {status.icon for status in berth_words.STATUSES.values()}
    for path in TEMPLATES:
        named |= set(re.findall(r'{% icon "([^"]+)"', path.read_text()))
        named |= set(re.findall(r'{% pill "[a-z]+" "([^"]+)"', path.read_text()))
    assert named - known == set()


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("half", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground_by_4_5(half):
    colours = tokens((ROOT / "static/css/tokens.css").read_text().split("@media")[half])
    weak = []
    for ground, texts in TEXT.items():
        for text in texts:
            light, dark = sorted((luminance(colours[ground]), luminance(colours[text])), reverse=True)
            if (light + 0.05) / (dark + 0.05) < 4.5:
                weak.append((text, ground))
    assert weak == []


def test_style_sheets_use_only_tokens_that_exist():
    sheets = "".join(p.read_text() for p in (ROOT / "static/css").glob("*.css"))
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", sheets)) - set(re.findall(r"--([a-z0-9-]+):", sheets)) == set()
