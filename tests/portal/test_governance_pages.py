"""The way into governance: one line in the menu, one tab for each part that has a page."""

import re
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils.html import escape

from portal import governance
from tests.portal.visitors import plain_static, signed_in

pytestmark = pytest.mark.django_db


def test_the_page_names_every_part_that_has_one_and_marks_the_menu(demo, settings):
    plain_static(settings)
    page = signed_in(demo.vera).get(reverse("governance")).content.decode()
    for part in governance.parts():
        assert f'<a href="{part.url}">{escape(part.label)}</a>' in page
    assert f'<a href="{reverse("governance")}" aria-current="page">' in page


def test_a_part_without_a_page_has_no_tab(monkeypatch):
    made = governance.Part("Nothing", "no_such_route", "Nothing.")
    monkeypatch.setattr(governance, "PARTS", (*governance.PARTS, made))
    assert made not in governance.parts()


def test_no_cell_with_a_form_is_left_out_of_a_row_on_a_narrow_window() -> None:
    templates = Path(__file__).resolve().parents[2] / "templates"
    pages = [(path.name, path.read_text()) for path in templates.rglob("*.html")]
    cells = [(name, cell) for name, text in pages if "table-card" in text for cell in re.findall(r"<td.*?</td>", text)]
    hidden = [name for name, cell in cells if "<form" in cell and not re.match(r'<td class="[^"]*(card-|pick)', cell)]
    assert hidden == []
