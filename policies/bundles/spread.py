"""Spreads one-line rules over two lines, so that a report by lines tells whether a rule ever fires.

A rule whose head stands on the line of its condition counts as reached when the condition is only looked at.
"""

import bisect
from typing import Any

Files = tuple[tuple[str, str], ...]


class Spread:
    """The files with a line break before each condition, and the way back to the lines as written."""

    def __init__(self, files: Files, modules: list[dict[str, Any]]) -> None:
        """`modules` are the parsed files, as the parser gives them."""
        self._breaks: dict[str, list[int]] = {}
        cuts = {module["source"]["file"]: _cuts(module) for module in modules}
        self.files = tuple((name, self._broken(name, source, cuts.get(name, []))) for name, source in files)

    def _broken(self, name: str, source: str, cuts: list[int]) -> str:
        content, lines = source.encode(), []
        for cut in sorted(cuts, reverse=True):
            lines.append(content.count(b"\n", 0, cut) + 1)
            content = content[:cut] + b"\n" + content[cut:]
        # The n-th break, counted from the top, has moved everything below it by n lines.
        self._breaks[name] = [line + n for n, line in enumerate(sorted(lines))]
        return content.decode()

    def line(self, name: str, line: int) -> int:
        """The line as written for a line of the spread file."""
        return line - bisect.bisect_left(self._breaks.get(name, []), line)

    def said(self, text: str) -> str:
        """A sentence of the engine's that begins with a place, with the line as written."""
        name, _, rest = text.partition(":")
        line, _, tail = rest.partition(":")
        return f"{name}:{self.line(name, int(line))}:{tail}" if name in self._breaks and line.isdigit() else text


def _cuts(module: dict[str, Any]) -> list[int]:
    """Byte offsets of conditions that stand on the line of what they are the condition of."""
    found: set[int] = set()
    for rule in module["ast"]["rules"]:
        for body in rule.get("Spec", {}).get("bodies", ()):
            statements = body["query"]["stmts"] if body.get("query") else []
            if statements and statements[0]["span"]["line"] == body["span"]["line"]:
                found.add(statements[0]["span"]["start"])
    return sorted(found)
