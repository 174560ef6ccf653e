"""Whether given parameters obey a template's schema, in plain words. The one check behind form, API and CLI.

Messages never repeat a given value, so a sensitive one cannot leak through them. Not here: prices, policy.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry

from catalog.fields import Choice, FormField, form_fields, from_form, names_in_order
from catalog.patterns import MAX_TEXT

__all__ = ["Checked", "Choice", "FormField", "ParameterError", "check", "form_fields", "from_form"]

LONGEST_TEXT = 4000
LARGEST = 2**53 - 1
_REGISTRY: Registry[Any] = Registry()
_UNSTORABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# These make a name read differently from what it is, in a plan or a history too.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class ParameterError:
    """One field that is not right: `rule` is `parameter.<what>`, `fix` says what to do."""

    field: str
    rule: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The values with defaults filled in, and what is wrong with them. Truthy when nothing is."""

    values: dict[str, Any]
    errors: tuple[ParameterError, ...]

    def __bool__(self) -> bool:
        return not self.errors


def check(schema: Mapping[str, Any], values: Any, *, previous: Mapping[str, Any] | None = None) -> Checked:
    """Check `values` against `schema`; with `previous`, also what may change in a living environment.

    None stands for "the default". A parameter that is not given keeps its previous value (unless it is
    ephemeral) and else takes its default.
    """
    if not isinstance(values, Mapping):
        wrong = ParameterError("", "parameter.type", "A set of named values.", "Send an object.")
        return Checked({}, (wrong,))
    properties = schema.get("properties", {})
    complete = _complete(properties, values, previous or {})
    errors = [*_unknown(schema, values)]
    required = schema.get("required", [])
    for name in names_in_order(schema):
        field = properties[name]
        if name not in complete:
            if name in required:
                errors.append(_missing(name, field))
            continue
        found = _wrong(name, field, complete[name])
        if found is None and previous and previous.get(name) is not None:
            found = _changed(name, field, previous[name], complete[name])
        if found:
            errors.append(found)
    return Checked(complete, tuple(errors))


def _complete(properties: Mapping[str, Any], values: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    complete = {}
    for name, field in properties.items():
        kept = previous.get(name) if name not in values and not field.get("ephemeral") else None
        value = values.get(name, kept)
        if value is None:
            value = field.get("default")
        if value is not None:
            complete[name] = _whole(value)
    return complete


def _whole(value: Any) -> Any:
    """JSON has one kind of number; 3.0 is recorded as 3, so that the same choice has one form."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown(schema: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[ParameterError]:
    for name in values:
        if name not in schema.get("properties", {}):
            known = ", ".join(names_in_order(schema)) or "none"
            shown = "".join(char for char in str(name)[:40] if char.isprintable())
            yield ParameterError(
                shown,
                "parameter.unknown",
                "This template has no such parameter.",
                f"Known parameters: {known}.",
            )


def _missing(name: str, field: Mapping[str, Any]) -> ParameterError:
    title = field.get("title", name)
    return ParameterError(name, "parameter.required", f"{title} is needed.", _fix(field))


def _wrong(name: str, field: Mapping[str, Any], value: Any) -> ParameterError | None:
    """The first thing wrong with one value, the most basic first."""
    if not _storable(value):
        return ParameterError(
            name,
            "parameter.characters",
            "Holds characters that cannot be kept.",
            "Use plain text on one line.",
        )
    longest = MAX_TEXT if "pattern" in field else LONGEST_TEXT
    if isinstance(value, str) and len(value) > longest:
        return ParameterError(name, "parameter.maxLength", _length(field, longest), _fix(field))
    if isinstance(value, list) and any(isinstance(item, str) and len(item) > MAX_TEXT for item in value):
        return ParameterError(name, "parameter.maxLength", f"Each at most {MAX_TEXT} characters.", _fix(field))
    if isinstance(value, int) and abs(value) > LARGEST:
        return ParameterError(name, "parameter.maximum", _range(field), _fix(field))
    error = _first(Draft202012Validator(dict(field), registry=_REGISTRY).iter_errors(value))
    if error is None:
        return None
    message = _message(field, error)
    return ParameterError(name, f"parameter.{error.validator}", message, _fix(field))


def _first(errors: Iterator[ValidationError]) -> ValidationError | None:
    basic = ("type", "enum", "minLength", "maxLength", "pattern", "minItems", "maxItems")
    rank = {validator: index for index, validator in enumerate(basic)}
    return min(errors, key=lambda error: rank.get(str(error.validator), len(basic)), default=None)


def _storable(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(
        unicodedata.category(char) not in _UNSTORABLE and char not in _DIRECTION
        for text in texts
        if isinstance(text, str)
        for char in text
    )


def _changed(name: str, field: Mapping[str, Any], before: Any, after: Any) -> ParameterError | None:
    if field.get("immutable") and _differs(before, after):
        return ParameterError(
            name,
            "parameter.immutable",
            "Fixed when the environment is created.",
            "Leave it as it is, or request a new environment.",
        )
    if field.get("monotonic") and _shrinks(field, before, after):
        return ParameterError(name, "parameter.monotonic", "Can grow later, never shrink.", _at_least(field, before))
    return None


def _differs(before: Any, after: Any) -> bool:
    return type(before) is not type(after) or bool(before != after)


def _shrinks(field: Mapping[str, Any], before: Any, after: Any) -> bool:
    if "enum" in field:
        order = field["enum"]
        return before in order and order.index(after) < order.index(before)
    if isinstance(after, list):
        return not isinstance(before, list) or any(item not in after for item in before)
    return isinstance(before, int) and bool(after < before)


def _at_least(field: Mapping[str, Any], before: Any) -> str:
    if field.get("sensitive"):
        return "Leave it as it is, or choose more."
    if "enum" in field:
        order = field["enum"]
        return f"Choose {_listed(order[order.index(before) :])}."
    if isinstance(before, list):
        return "Keep every entry that is there; you may add to them."
    return f"Choose {_quantity(before, field.get('x-unit', ''))} or more."


def _message(field: Mapping[str, Any], error: ValidationError) -> str:
    inner = field.get("items", {}) if error.absolute_path else field
    where = f"Line {int(error.absolute_path[0]) + 1}: " if error.absolute_path else ""
    sentence = _SENTENCES.get(str(error.validator), _expected)(inner)
    return where + (sentence[0].lower() + sentence[1:] if where else sentence)


def _expected(field: Mapping[str, Any]) -> str:
    """What the field takes, as one sentence."""
    if "enum" in field:
        return f"One of {_listed(field['enum'])}."
    kind = field.get("type")
    if kind == "integer":
        bounded = "minimum" in field or "maximum" in field
        return _range(field) if bounded else "A whole number."
    return {"boolean": "On or off.", "array": "A list, one entry a line."}.get(str(kind), "Text.")


def _range(field: Mapping[str, Any]) -> str:
    unit = field.get("x-unit", "")
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"Between {low} and {_quantity(high, unit)}."
    if low is not None:
        return f"{_quantity(low, unit)} or more."
    return f"{_quantity(high if high is not None else LARGEST, unit)} or less."


def _length(field: Mapping[str, Any], longest: int = LONGEST_TEXT) -> str:
    low, high = field.get("minLength", 0), min(field.get("maxLength", longest), longest)
    if low and low == high:
        return f"Exactly {_quantity(low, 'characters')}."
    return f"Between {low} and {high} characters." if low else f"At most {_quantity(high, 'characters')}."


def _entries(field: Mapping[str, Any]) -> str:
    low, high = field.get("minItems", 0), field.get("maxItems")
    if low and high is not None:
        return f"Between {low} and {_quantity(high, 'lines')}."
    return f"At least {_quantity(low, 'lines')}." if high is None else f"At most {_quantity(high, 'lines')}."


def _pattern(field: Mapping[str, Any]) -> str:
    return str(field.get("x-pattern-says") or f"Must match {field.get('pattern')}.")


def _multiple(field: Mapping[str, Any]) -> str:
    return f"A multiple of {_quantity(field['multipleOf'], field.get('x-unit', ''))}."


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "minLength": _length,
    "maxLength": _length,
    "minItems": _entries,
    "maxItems": _entries,
    "pattern": _pattern,
    "multipleOf": _multiple,
    "uniqueItems": lambda _: "Each line once.",
}


def _fix(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return f"Choose {_listed(field['enum'])}."
    kind = field.get("type")
    if kind == "integer":
        unit = field.get("x-unit", "")
        if "minimum" in field and "maximum" in field:
            return f"Enter a whole number from {field['minimum']} to {_quantity(field['maximum'], unit)}."
        return "Enter a whole number."
    if kind == "string" and "pattern" in field:
        return _pattern(field)
    return {"boolean": "Switch it on or off.", "array": "Write one entry a line."}.get(str(kind), "Enter text.")


def _listed(choices: list[Any]) -> str:
    words = [str(choice) for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _quantity(count: int, unit: str) -> str:
    """`1, "days"` → `1 day`."""
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}".strip()
