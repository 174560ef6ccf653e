"""Takes secrets out of text before it is written anywhere. What is a secret is told here, by whoever holds it.

`Redactor` masks the values it was given, in plain, base64, hex, URL- and JSON-escaped form, and anything that looks
like a credential in a URL or a Vault token. Lines lose control characters.
"""

import base64
import json
import logging
import re
import urllib.parse
from collections.abc import Iterable

MASK = "●●●●●●●●"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*):(?P<value>[^\s/@]+)@")
_VAULT_TOKEN = re.compile(r"\b(?:hvs|hvb|hvr|s|b)\.[A-Za-z0-9_-]{20,}")
_NAMED = re.compile(r"(?i)\b(password|passwd|secret[_-]?id|token|api[_-]?key)(\"?\s*[=:]\s*\"?)(?!●)[^\s\",;]{6,}")
_SHORTEST = 6


class Redactor:
    """Masks the given values and everything that looks like a credential."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """From now on mask `value` in each of its usual encodings."""
        if len(value) < _SHORTEST:
            return
        raw = value.encode()
        forms = {
            value,
            raw.hex(),
            raw.hex().upper(),
            urllib.parse.quote(value, safe=""),
            urllib.parse.quote_plus(value),
            json.dumps(value)[1:-1],
        }
        forms |= set(_base64_forms(raw))
        self._forms |= {form for form in forms if len(form) >= _SHORTEST}

    def __call__(self, text: str) -> str:
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, MASK)
        text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
        text = _VAULT_TOKEN.sub(MASK, text)
        return _NAMED.sub(rf"\1\2{MASK}", text)

    def lines(self, text: str) -> list[str]:
        """Redacted lines without control characters; empty ones dropped."""
        return [line for part in text.splitlines() if (line := _CONTROL.sub("", self(part)).rstrip())]


def _base64_forms(raw: bytes) -> Iterable[str]:
    """The part of any base64 text that carries `raw`, whatever stood before it (three alignments)."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for lead in range(3):
            text = encode(b"\x00" * lead + raw).decode().rstrip("=")
            start = (0, 2, 3)[lead]
            end = len(text) - (1 if (len(raw) + lead) % 3 else 0)
            yield text[start:end]


class RedactingFilter(logging.Filter):
    """Redacts whatever passes a log handler; values are not known here, so by looks only."""

    _redact = Redactor()

    def filter(self, record: logging.LogRecord) -> bool:
        message = self._redact(record.getMessage())
        record.msg, record.args = message, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self._redact(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        return True
