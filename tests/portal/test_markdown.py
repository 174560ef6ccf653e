"""A README as HTML: what is drawn, and that nothing else passes."""

import pytest

from portal import markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", ""),
        ("## Part", "<h2>Part</h2>"),
        ("#### Deep", "<h3>Deep</h3>"),
        ("one\ntwo", "<p>one two</p>"),
        ("a `b` **c**", "<p>a <code>b</code> <strong>c</strong></p>"),
        ("- one\n  more\n- two", "<ul><li>one more</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("``` \nopen", "<pre><code>open</code></pre>"),
        ("", ""),
    ],
)
def test_each_block_becomes_its_element(text: str, html: str) -> None:
    assert markdown.render(text) == html


def test_a_table_has_a_head_and_rows() -> None:
    html = markdown.render("| A | B |\n|---|---|\n| 1 | 2 |")
    assert '<th scope="col">A</th>' in html
    assert "<tr><td>1</td><td>2</td></tr>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "- <img src=x onerror=alert(1)>",
        "## <svg onload=alert(1)>",
        "`<script>`",
        "| <script> |\n|---|",
        "[x](javascript:alert(1)) <a href='javascript:alert(1)'>",
    ],
)
def test_nothing_that_runs_passes(text: str) -> None:
    html = markdown.render(text)
    assert not any(tag in html for tag in ("<script", "<img", "<svg", "<a "))


@pytest.mark.parametrize("text", ["|", "#", "-", "* ", "```", "|||\n|||", "1.", "\\", "**", "`"])
def test_odd_text_ends(text: str) -> None:
    assert isinstance(markdown.render(text), str)
