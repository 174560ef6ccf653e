"""Reads a request body: one JSON object that can be kept and shown. What its fields mean is the serializers' work."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError

from portal.api.problems import BadInput

LARGEST_BODY = 256 * 1024
LARGEST_DOCUMENT = 4 << 20
DEEPEST = 20
LARGEST_NUMBER = 2**53 - 1


class JsonObject(parsers.BaseParser):
    """`application/json`, always UTF-8, without anything that Postgres or a canonical form could not hold."""

    media_type = "application/json"
    largest = LARGEST_BODY

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(self.largest + 1)
        if len(raw) > self.largest:
            fix = f"Send at most {self.largest // 1024} KiB."
            raise BadInput("", "request.size", "The request is too large.", fix, 413)
        found = _loaded(raw)
        if not isinstance(found, dict):
            raise ParseError("The body is not a JSON object.")
        _check(found, "", 1)
        return found


class LargeJsonObject(JsonObject):
    """For requests that carry a whole document as text."""

    largest = LARGEST_DOCUMENT


def _loaded(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ParseError(f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8.") from error
    except RecursionError as error:
        raise ParseError(f"Nested deeper than {DEEPEST} levels.") from error
    except ValueError as error:
        raise ParseError("A number is too long.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("A name occurs twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise ParseError(f"{name} is not JSON.")


def _check(value: Any, field: str, depth: int) -> None:
    """Refuse what can be parsed but not kept: NUL, lone surrogates, numbers beyond 2^53, deep nesting."""
    if depth > DEEPEST:
        raise BadInput(field[:80], "request.depth", f"Nested deeper than {DEEPEST} levels.", "Send something flatter.")
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, float | int) and not _is_number(value):
        message = f"Numbers are from -{LARGEST_NUMBER} to {LARGEST_NUMBER}."
        raise BadInput(field, "request.number", message, "Send a smaller number.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name, field)
            _check(inner, f"{field}.{name[:80]}" if field else name[:80], depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check(inner, f"{field}.{index}", depth + 1)


def _check_text(text: str, field: str) -> None:
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        message = "It holds a character that cannot be kept (NUL or half a surrogate pair)."
        raise BadInput(field, "request.text", message, "Send plain Unicode text.")


def _is_number(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST_NUMBER
