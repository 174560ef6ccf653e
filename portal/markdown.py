"""A template's README as HTML: headings, paragraphs, lists, tables, code. Everything is escaped first.

No links, images or HTML pass: a README is written by whoever may write to a catalogue repository.
"""

import re
from collections.abc import Iterator

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"(?:[-*]|(\d+)\.)\s+(.*)")
_RULE = re.compile(r"\|?[\s:|-]+\|?$")


def render(text: str) -> SafeString:
    """Safe markup for inside `.prose`. The first heading of level one is dropped: the page has it."""
    lines = text.replace("\r\n", "\n").split("\n")
    return mark_safe("\n".join(_blocks(lines)))  # noqa: S308 - every piece of text went through escape()


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if not line:
            at += 1
            continue
        take = _fence if line.startswith("```") else _table if line.startswith("|") else _item_list
        if take is _item_list and not _ITEM.match(line):
            take = _heading if _HEADING.match(line) else _paragraph
        html, at = take(lines, at)
        yield html


def _inline(text: str) -> str:
    safe = _CODE.sub(r"<code>\1</code>", escape(text))
    return _BOLD.sub(r"<strong>\1</strong>", safe)


def _heading(lines: list[str], at: int) -> tuple[str, int]:
    found = _HEADING.match(lines[at].strip())
    assert found  # noqa: S101 - the caller matched it
    level = len(found[1])
    tag = "h2" if level <= 2 else "h3"
    return ("" if level == 1 else f"<{tag}>{_inline(found[2])}</{tag}>"), at + 1


def _fence(lines: list[str], at: int) -> tuple[str, int]:
    end = next((n for n in range(at + 1, len(lines)) if lines[n].strip().startswith("```")), len(lines))
    code = escape("\n".join(lines[at + 1 : end]))
    return f"<pre><code>{code}</code></pre>", end + 1


def _run(lines: list[str], at: int, *, until: str) -> int:
    """The first line at or after `at` that is blank or begins something else."""
    while at < len(lines) and lines[at].strip() and not lines[at].strip().startswith(tuple(until.split())):
        at += 1
    return at


def _paragraph(lines: list[str], at: int) -> tuple[str, int]:
    end = _run(lines, at + 1, until="``` # | - *")
    return f"<p>{_inline(' '.join(line.strip() for line in lines[at:end]))}</p>", end


def _item_list(lines: list[str], at: int) -> tuple[str, int]:
    items: list[str] = []
    first = _ITEM.match(lines[at].strip())
    while at < len(lines) and lines[at].strip():
        found = _ITEM.match(lines[at].strip())
        if found:
            items.append(found[2])
        else:
            items[-1] += f" {lines[at].strip()}"
        at += 1
    tag = "ol" if first and first[1] else "ul"
    return f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{tag}>", at


def _table(lines: list[str], at: int) -> tuple[str, int]:
    end = at
    while end < len(lines) and lines[end].strip().startswith("|"):
        end += 1
    rows = [_cells(line) for line in lines[at:end] if not _RULE.fullmatch(line.strip())]
    head = "".join(f'<th scope="col">{cell}</th>' for cell in rows[0]) if rows else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:])
    table = f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="table-wrap">{table}</div>', end


def _cells(line: str) -> list[str]:
    return [_inline(cell.strip()) for cell in line.strip().strip("|").split("|")]
