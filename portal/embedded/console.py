"""What the terminal shows: our own sentences and the children's lines, each with its name and colour."""

import sys
import threading
from collections.abc import Sequence
from typing import TextIO

COLOURS = (36, 35, 32, 33, 34, 96, 95, 92, 93)
WIDTH = 8


class Console:
    """Writes whole lines from any thread."""

    def __init__(self, names: Sequence[str], *, colour: bool, out: TextIO = sys.stdout) -> None:
        self._colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
        self._colour = colour
        self._out = out
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        """One sentence of ours."""
        self._write(f"\x1b[1m{sentence}\x1b[0m" if self._colour else sentence)

    def line(self, name: str, line: str) -> None:
        """One line of a child without its control characters; blank ones are left out."""
        text = "".join(character for character in line if character.isprintable() or character == "\t")
        if not text.strip():
            return
        prefix = f"{name:<{WIDTH}} |"
        self._write(
            f"\x1b[{self._colours.get(name, 37)}m{prefix}\x1b[0m {text}" if self._colour else f"{prefix} {text}"
        )

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                self._out.write(text + "\n")
                self._out.flush()
            except (OSError, ValueError):
                self._out = open_null()


def open_null() -> TextIO:
    """Where lines go when nobody reads the terminal any more."""
    return open("/dev/null", "w", encoding="utf-8")
