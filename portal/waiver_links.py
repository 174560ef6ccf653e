"""Where a waiver is asked for, from what a rule refused. Addresses only; what can be asked is said in the refusal."""

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

from django.urls import reverse

LONGEST_VALUE = 200


class Refused(Protocol):
    """A finding, or a field of a refusal."""

    @property
    def rule(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def ask(self) -> Sequence[str]: ...


def waiver_url(refused: Refused, name: str = "") -> str:
    """The form with rule, field, value and the objects to choose from filled in; "" where nobody may waive.

    `name` is what the refused request was for.
    """
    if not getattr(refused, "ask", ()):
        return ""
    value = "" if refused.value is None else str(refused.value)[:LONGEST_VALUE]
    said = [("rule", refused.rule), ("field", refused.field), ("value", value), ("name", name)]
    query = [(key, text) for key, text in said if text] + [("scope", ref) for ref in refused.ask]
    return f"{reverse('waiver_new')}?{urlencode(query)}"
