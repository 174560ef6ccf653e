"""Takes secrets out of text before it is written anywhere. What is a secret is told here, by whoever holds it.

`Redactor` masks the values it was given, in plain, base64, hex, URL- and JSON-escaped form, and anything that looks
like a credential in a URL or a Vault token. Lines lose control characters. `KNOWN` is the process' own redactor:
whoever makes or reads a credential tells it (`learn`), whoever writes a log line or an error asks it.
"""

import base64
import json
import logging
import re
import traceback
import urllib.parse
from collections.abc import Iterable

MASK = "●●●●●●●●"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*):(?P<value>[^\s/@]+)@")
_VAULT_TOKEN = re.compile(r"\b(?:hvs|hvb|hvr|s|b)\.[A-Za-z0-9_-]{20,}")
_NAMED = re.compile(r"(?i)\b(password|passwd|secret[_-]?id|token|api[_-]?key)(\"?\s*[=:]\s*\"?)(?!●)[^\s\",;]{6,}")
_SHORTEST = 6
# An operation has a handful of credentials; what was learnt long ago is not at hand any more.
_MOST = 64


class Redactor:
    """Masks the given values and everything that looks like a credential."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, frozenset[str]] = {}
        self._forms: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """From now on mask `value` in each of its usual encodings; of too many, the oldest are forgotten."""
        if len(value) < _SHORTEST or value in self._values:
            return
        raw = value.encode()
        forms = {
            value,
            raw.hex(),
            raw.hex().upper(),
            urllib.parse.quote(value, safe=""),
            urllib.parse.quote(value),
            urllib.parse.quote_plus(value),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
        }
        forms |= set(_base64_forms(raw))
        kept = [*self._values.items(), (value, frozenset(form for form in forms if len(form) >= _SHORTEST))]
        self._values = dict(kept[-_MOST:])
        self._forms = tuple(sorted(frozenset().union(*self._values.values()), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for form in self._forms:
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


KNOWN = Redactor()


def learn(value: str) -> str:
    """Tell this process that a value is secret, before it goes anywhere; gives it back."""
    KNOWN.add(value)
    return value


def said_by(error: Exception) -> str:
    """The message of an error without secrets, for people and the record."""
    return KNOWN(str(error))


def place_of(error: BaseException) -> str:
    """Kind and place of an unforeseen error and of what caused it. Never its message: nobody vouches for that."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    because = f"; because of {place_of(cause)}" if cause else ""
    return f"{type(error).__name__} at {places}{because}"


class RedactingFilter(logging.Filter):
    """Redacts whatever passes a log handler: what this process knows, and what looks like a credential."""

    _redact = KNOWN

    def filter(self, record: logging.LogRecord) -> bool:
        message = self._redact(record.getMessage())
        record.msg, record.args = message, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self._redact(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        return True
