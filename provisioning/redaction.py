"""Takes secrets out of text before it is written anywhere. What is a secret is told here, by whoever holds it.

`Redactor` masks the values it was given, in plain, base64, hex, URL- and JSON-escaped form, and anything that looks
like a credential: passwords in URLs and assignments, tokens. Lines lose control characters. `KNOWN` is the process'
own redactor: whoever makes or reads a credential tells it (`learn`), whoever writes a log line or an error asks it.
"""

import base64
import logging
import re
import traceback
from collections.abc import Iterable

MASK = "●●●●●●●●"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_BREAK = re.compile(r"\r\n|\n|\r")
_URL_PASSWORD = re.compile(r"(?i)(?P<head>\b[a-z][a-z0-9+.-]*://[^\s:/@]*):(?P<value>[^\s/]+)@")
_TOKEN = re.compile(r"\b(?:hvs|hvb|hvr|s|b)\.[A-Za-z0-9_-]{20,}|\bberth_[A-Za-z0-9_-]{40,}")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret[_-]?id|client[_-]?secret|secret[_-]?key|token|api[_-]?key)[\"']?\s*[=:]\s*)"
    r"(?:(?P<quote>[\"'])(?!●).{4,}?(?P=quote)|(?![●\"'])[^\s\",;']{6,})"
)
_BEARER = re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/-]{8,}=*")
_SHORTEST = 6
_JSON_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
# An operation has a handful of credentials; what was learnt long ago is not at hand any more.
_MOST = 16


class Redactor:
    """Masks the given values and everything that looks like a credential."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """From now on mask `value`, and each of its lines, in every usual encoding; of many, the oldest go."""
        if value in self._patterns:
            return
        forms: dict[str, int] = {}
        for part in {value, _CONTROL.sub("", value), *value.splitlines()}:
            if len(part) >= _SHORTEST:
                forms |= dict.fromkeys(_patterns(part), len(part))
        if not forms:
            return
        # One pattern a value: compiling them all again for each new one would cost a second.
        pattern = re.compile("|".join(sorted(forms, key=lambda form: -forms[form])))
        self._patterns = dict([*self._patterns.items(), (value, pattern)][-_MOST:])

    def __call__(self, text: str) -> str:
        # The longest first: of two values of which one begins with the other, nothing may stay.
        for _, pattern in sorted(self._patterns.items(), key=lambda known: -len(known[0])):
            text = pattern.sub(MASK, text)
        text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
        text = _TOKEN.sub(MASK, text)
        text = _BEARER.sub(rf"\g<1>{MASK}", text)
        return _NAMED.sub(lambda found: f"{found[1]}{found['quote'] or ''}{MASK}{found['quote'] or ''}", text)

    def lines(self, text: str) -> list[str]:
        """Redacted lines without control characters; empty ones dropped.

        Once before the text is split, for values of several lines, and once after: what a control character split
        in two is one again.
        """
        clean = (self(_CONTROL.sub("", line)).rstrip() for line in _BREAK.split(self(text)))
        return [line for line in clean if line]


def _patterns(value: str) -> Iterable[str]:
    """Patterns for a value: escaped in any way and mixture, in hex, and inside any base64."""
    raw = value.encode("utf-8", "surrogatepass")
    yield "".join(_escaped(char) for char in value)
    yield f"(?i:{raw.hex()})"
    yield from (re.escape(form) for form in _base64_forms(raw) if len(form) >= _SHORTEST)


def _escaped(char: str) -> str:
    """One character as itself, percent-encoded, or escaped as in JSON, once or more often."""
    raw = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    wide = "".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    forms = [re.escape(char), f"(?i:{''.join(f'%{byte:02x}' for byte in raw)})", f"(?i:{wide})"]
    if char in _JSON_SHORT:
        forms.append(rf"\\+{_JSON_SHORT[char]}")
    elif char in "\"'/":
        forms.insert(0, rf"\\*{re.escape(char)}")
    elif char == "\\":
        forms.insert(0, r"\\+")
    elif char == " ":
        forms.append(r"\+")
    if ord(char) < 0x100:
        forms.append(rf"(?i:\\+x{ord(char):02x})")
    return f"(?:{'|'.join(forms)})"


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
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._redact(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        # A later formatter would write the exception again, unredacted.
        record.exc_info = None
        record.exc_text = self._redact(record.exc_text) if record.exc_text else None
        record.stack_info = self._redact(record.stack_info) if record.stack_info else None
        return True
