"""Values that must be found nowhere, in the encodings in which people and programs pass them on; and the finder.

Written apart from provisioning/redaction.py on purpose: a form that both forgot would never be noticed.
"""

import base64
import html
import json
import urllib.parse
from collections.abc import Iterable, Mapping

SHORTEST = 12


def forms(value: bytes) -> set[bytes]:
    """The value in plain, hex, base64 at each alignment, URL-, JSON- and HTML-escaped."""
    found = {value, value.hex().encode(), value.hex().upper().encode(), *_base64(value)}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return found
    quoted = (urllib.parse.quote(text, safe=""), urllib.parse.quote(text), urllib.parse.quote_plus(text))
    found |= {one.encode() for one in (*quoted, html.escape(text))}
    found |= {json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode() for ascii_only in (True, False)}
    return found


def _base64(value: bytes) -> Iterable[bytes]:
    """What of the value is the same in any base64 text around it: whole groups of three bytes, by alignment."""
    for skipped in range(3):
        whole = value[skipped : skipped + (len(value) - skipped) // 3 * 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)


class Canaries:
    """Values by name. `found(text)` says which of them stand in it in any form."""

    def __init__(self, values: Mapping[str, str | bytes]) -> None:
        plain = {name: value.encode() if isinstance(value, str) else value for name, value in values.items()}
        assert all(len(value) >= SHORTEST for value in plain.values()), "too short to be told from other text"
        self._names = {form: name for name, value in plain.items() for form in forms(value)}

    def __len__(self) -> int:
        return len(set(self._names.values()))

    def found(self, text: bytes | str) -> set[str]:
        """Names of the values in it."""
        raw = text.encode() if isinstance(text, str) else text
        return {name for form, name in self._names.items() if form in raw}

    def found_in(self, places: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
        """Which values stand in which place; empty when there are none."""
        found: dict[str, set[str]] = {}
        for place, text in places:
            if names := self.found(text):
                found.setdefault(place, set()).update(names)
        return found
