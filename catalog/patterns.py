"""Which regular expressions a template may use: those that cannot take long on any short text."""

import importlib
import re
from typing import Any

MAX_PATTERN = 256
MAX_TEXT = 256
MAX_REPEATS = 3

# The parser of the standard library: the only one that surely reads a pattern as `re` will.
_parser = importlib.import_module("re._parser")


def why_refused(pattern: str) -> str | None:
    """A sentence when the pattern is not acceptable, else None."""
    if len(pattern) > MAX_PATTERN:
        return f"the pattern is longer than {MAX_PATTERN} characters"
    try:
        tree = list(_parser.parse(pattern))
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return "the pattern is not a valid regular expression"
    if len(tree) < 2 or not (_is_anchor(tree[0], "AT_BEGINNING") and _is_anchor(tree[-1], "AT_END")):
        return "the pattern must begin with ^ and end with $"
    return _walk(tree)


def _is_anchor(item: Any, name: str) -> bool:
    return str(item[0]) == "AT" and str(item[1]) == name


def _walk(tree: list[Any]) -> str | None:
    repeats = 0
    pending = [(item, False) for item in tree]
    while pending:
        (kind, argument), repeated = pending.pop()
        name = str(kind)
        if name in {"GROUPREF", "GROUPREF_EXISTS", "ASSERT", "ASSERT_NOT"}:
            return "the pattern may not look around or refer back"
        if name == "BRANCH":
            if repeated:
                return "the pattern repeats an alternative, which can take for ever; list the cases"
            pending += [(item, repeated) for branch in argument[1] for item in branch]
        elif name == "SUBPATTERN":
            pending += [(item, repeated) for item in argument[-1]]
        elif name.endswith("_REPEAT"):
            least, most, body = argument
            if repeated:
                return "the pattern repeats a repetition, which can take for ever"
            repeats += least != most and int(most) > 1
            pending += [(item, int(most) > 1) for item in body]
    if repeats > MAX_REPEATS:
        return f"the pattern has more than {MAX_REPEATS} open repetitions"
    return None
