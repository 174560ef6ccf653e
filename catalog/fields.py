"""A parameter schema as form fields, and a posted form as raw values.

Whether the values are right is `parameters.check`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "number", "choice", "cards", "switch", "lines"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,16}")
_ON = frozenset({"on", "true", "1", "yes"})
_OFF = frozenset({"off", "false", "0", "no", ""})


class Choice(NamedTuple):
    """One thing to choose: what is sent, what is read, what it gives (`2 vCPU, 4 GiB`)."""

    value: str
    label: str
    gives: str


@dataclass(frozen=True, slots=True)
class FormField:
    """What a template needs to draw one parameter."""

    name: str
    label: str
    help: str
    kind: Kind
    required: bool
    default: Any
    choices: tuple[Choice, ...]
    minimum: int | None
    maximum: int | None
    unit: str
    pattern: str
    immutable: bool
    monotonic: bool
    sensitive: bool


def names_in_order(schema: Mapping[str, Any]) -> list[str]:
    """Parameter names as the template's author wrote them."""
    known = schema.get("properties", {})
    first = [name for name in schema.get("x-order", []) if name in known]
    return [*first, *(name for name in known if name not in first)]


def form_fields(schema: Mapping[str, Any]) -> tuple[FormField, ...]:
    """One FormField per parameter, in the author's order."""
    required = schema.get("required", [])
    return tuple(
        _form_field(name, schema["properties"][name], required=name in required) for name in names_in_order(schema)
    )


def from_form(schema: Mapping[str, Any], data: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """Raw values from a posted form (a QueryDict or any mapping of text).

    A blank answer becomes None, which `check` reads as "the default"; a field that was not in the form is
    left out; a switch that was not sent is off. What cannot be read stays text and fails the check.
    """
    values: dict[str, Any] = {}
    for name in names_in_order(schema):
        field = schema["properties"][name]
        sent = data.get(prefix + name)
        if field.get("type") == "boolean":
            values[name] = _switch(sent)
        elif sent is not None:
            values[name] = _read(field, sent)
    return values


def _form_field(name: str, field: Mapping[str, Any], *, required: bool) -> FormField:
    return FormField(
        name=name,
        label=field.get("title", name),
        help=field.get("description", ""),
        kind=_kind(field),
        required=required and field.get("type") != "boolean",
        default=field.get("default"),
        choices=_choices(field),
        minimum=field.get("minimum"),
        maximum=field.get("maximum"),
        unit=field.get("x-unit", ""),
        pattern=field.get("pattern", ""),
        immutable=bool(field.get("immutable")),
        monotonic=bool(field.get("monotonic")),
        sensitive=bool(field.get("sensitive")),
    )


def _kind(field: Mapping[str, Any]) -> Kind:
    if field.get("type") == "array":
        return "lines"
    if field.get("type") == "boolean":
        return "switch"
    if "enum" in field:
        return "cards" if "x-choices-gives" in field else "choice"
    return "number" if field.get("type") == "integer" else "text"


def _choices(field: Mapping[str, Any]) -> tuple[Choice, ...]:
    gives = field.get("x-choices-gives", {})
    allowed = field.get("enum") or field.get("items", {}).get("enum", [])
    return tuple(Choice(str(item), str(item), gives.get(str(item), "")) for item in allowed)


def _switch(sent: Any) -> Any:
    if sent is None or isinstance(sent, bool):
        return bool(sent)
    word = str(sent).strip().lower()
    return True if word in _ON else False if word in _OFF else sent


def _read(field: Mapping[str, Any], sent: Any) -> Any:
    if not isinstance(sent, str):
        return sent
    if field.get("type") == "array":
        return [line.strip() for line in sent.splitlines() if line.strip()]
    text = sent.strip() if not field.get("sensitive") else sent
    if not text:
        return None
    if field.get("type") == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    return text
