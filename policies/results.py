"""What an action answers: allowed, or refused with the reason in full. Returned, never raised."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as _field
from typing import Any


@dataclass(frozen=True)
class Allowed:
    """Yes."""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class FieldError:
    """One field of a request that breaks one rule, and how to mend it.

    From a policy also the value, who can help, and what a waiver could be asked for from whom.
    """

    field: str
    rule: str
    message: str
    fix: str = ""
    value: Any = _field(default=None, hash=False)
    who: str = ""
    ask: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True)
class Denied:
    """No: which rule, which field, why, how to mend it, who can help. `status` is the HTTP status it becomes.

    `about` is what else helps, as plain data: who holds what of a full quota, and what could be given back.
    """

    rule: str
    field: str
    reason: str
    fix: str = ""
    who: str = ""
    status: int = 403
    errors: tuple[FieldError, ...] = ()
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        return False


def wrong_fields(errors: Sequence[FieldError], who: str = "") -> Denied:
    """Every wrong field as one refusal, which the first of them speaks for."""
    first = errors[0]
    return Denied(first.rule, first.field, first.message, first.fix, who, 422, tuple(errors))
