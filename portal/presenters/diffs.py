"""Two sides of a value as lines of a diff: one line a leaf, its path in front. Used for plans and for the history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

LONGEST = 400


@dataclass(frozen=True)
class Line:
    """One row of components/diff_row.html."""

    sign: str
    no: int
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        return "".join(text for text, _marked in self.parts)


def leaves(value: Mapping[str, Any] | None, prefix: str = "") -> dict[str, str]:
    """Every leaf by its dotted path, as people read it."""
    found: dict[str, str] = {}
    for name, item in (value or {}).items():
        path = f"{prefix}{name}"
        if isinstance(item, Mapping) and item:
            found.update(leaves(item, f"{path}."))
        else:
            found[path] = shown(item)
    return found


def shown(value: Any) -> str:
    """A leaf in words; long ones are cut, since the full document is one link away."""
    if value is None:
        return _("none")
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    text = text.replace("\n", "⏎")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def lines(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, unknown: Sequence[str] = ()) -> list[Line]:
    """The rows of one change. With both sides present, what stays the same is context."""
    old, new = leaves(before), leaves(after)
    for path in unknown:
        new[path] = _("known after it is made")
    rows: list[Line] = []
    for no, path in enumerate(sorted({*old, *new}), 1):
        rows += _pair(no, path, old.get(path), new.get(path))
    return rows


def _pair(no: int, path: str, old: str | None, new: str | None) -> list[Line]:
    if old == new:
        return [Line("", no, ((f"{path}: {new}", False),))]
    both = old is not None and new is not None
    rows = []
    for sign, value in (("-", old), ("+", new)):
        if value is not None:
            rows.append(Line(sign, no, ((f"{path}: ", False), (value, both))))
    return rows
