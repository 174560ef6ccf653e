"""Can the database hold what was sent? JSON knows texts that Postgres does not. Nothing of schemas here."""

from collections.abc import Mapping
from typing import Any

from policies.results import Denied, FieldError


def storable(value: Any) -> bool:
    """False for a value that holds, anywhere, a NUL character or half of a surrogate pair."""
    if isinstance(value, str):
        return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, Mapping):
        return all(storable(key) and storable(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(storable(item) for item in value)
    return True


def unstorable(field: str) -> Denied:
    """What is said to whoever sent it."""
    reason = "It holds a character that cannot be kept: NUL, or half of a surrogate pair."
    error = FieldError(field, "request.text", reason, "Leave the character out.")
    return Denied(error.rule, field, reason, error.fix, status=422, errors=(error,))
