"""Lifetimes as people write them in a template: `12h`, `14d`. Whole hours inside."""

import re

PATTERN = r"^[1-9][0-9]{0,4}[hd]$"


def hours(text: str) -> int:
    """`"14d"` → 336. Raises ValueError for anything that is not hours or days."""
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"not a duration: {text!r}")
    return int(text[:-1]) * (24 if text.endswith("d") else 1)
