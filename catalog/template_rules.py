"""Whether the data of one `template.yaml` is a good template: its shape, then the rules that span fields.

Yields (path, sentence) pairs; the reader knows files and lines. Nothing here touches Git or the database.
"""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from catalog import drivers, durations, parameters, patterns
from catalog.strict_yaml import Path
from catalog.template_schema import META_SCHEMA

Finding = tuple[Path, str]

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "null",
}
_KEYWORDS_OF = {
    "minimum": {"integer"},
    "maximum": {"integer"},
    "multipleOf": {"integer"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "items": {"array"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "uniqueItems": {"array"},
    "enum": {"string", "integer"},
}
_LIMITS = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
_PROD_LIKE = ("stage", "prod")
_validator = Draft202012Validator(META_SCHEMA)


def findings(data: Any) -> list[Finding]:
    """Everything wrong with the data, in file order as far as the data tells; empty when it is good."""
    shape = [finding for error in _validator.iter_errors(data) for finding in _in_words(error)]
    if shape:
        return shape
    return [*_parameters(data["parameters"]), *_price(data), *_lifetimes(data), *_names(data), *_resources(data)]


def inline(schema: dict[str, Any]) -> dict[str, Any]:
    """The parameter schema with local references written out and the order of the fields kept.

    jsonb forgets the order of keys, so it is stored as a list under `x-order`.
    """
    properties = {name: _resolved(field, schema) for name, field in schema["properties"].items()}
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
        "x-order": list(properties),
    }


def _resolved(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref")
    if reference is None:
        return field
    own = {key: value for key, value in field.items() if key != "$ref"}
    return {**schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), **own}


def _in_words(error: ValidationError) -> Iterator[Finding]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties" and schema["additionalProperties"] is False:
        known = schema["properties"]
        for key in instance:
            if key not in known:
                yield (*path, key), f"unknown key '{key}'; allowed here: {', '.join(sorted(known))}"
    elif error.validator == "required":
        missing = [key for key in schema["required"] if key not in instance]
        yield path, f"{', '.join(missing)} missing"
    else:
        yield path, _sentence(error, schema)


def _sentence(error: ValidationError, schema: Any) -> str:
    last = error.absolute_path[-1] if error.absolute_path else "the file"
    name = f"entry {last + 1}" if isinstance(last, int) else last
    if "x-says" in schema:
        subject = f"'{error.instance}'" if "propertyNames" in error.absolute_schema_path else name
        return f"{subject} must be {schema['x-says']}"
    rule: Any = error.validator_value
    if error.validator == "type":
        kinds = [rule] if isinstance(rule, str) else rule
        return f"{name} must be {' or '.join(_KINDS[kind] for kind in kinds)}"
    if error.validator in {"enum", "const"}:
        allowed = rule if error.validator == "enum" else [rule]
        return f"{name} must be {' or '.join(_yaml(item) for item in allowed)}"
    limits = {
        "minLength": "may not be empty",
        "maxLength": f"may have at most {rule} characters",
        "minimum": f"must be {rule} or more",
        "maximum": f"must be {rule} or less",
        "minItems": f"needs at least {rule}",
        "maxItems": f"may have at most {rule} entries",
        "maxProperties": f"may have at most {rule} entries",
        "uniqueItems": "may not name the same thing twice",
    }
    return f"{name} {limits.get(str(error.validator), 'has a form that is not understood')}"


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resources(data: dict[str, Any]) -> Iterator[Finding]:
    """What the template's driver says of its part: the shape first, then what is missing on this machine."""
    terms = drivers.terms(data["driver"])
    if terms is None:
        yield ("driver",), f"driver must be {' or '.join(drivers.names())}"
        return
    errors = list(Draft202012Validator(terms.schema).iter_errors(data["resources"]))
    yield from ((("resources", *path), reason) for error in errors for path, reason in _in_words(error))
    if not errors:
        yield from ((("resources",), problem) for problem in terms.problems(data["resources"]))


def _parameters(schema: dict[str, Any]) -> Iterator[Finding]:
    for index, name in enumerate(schema.get("required", [])):
        if name not in schema["properties"]:
            yield ("parameters", "required", index), f"there is no parameter called {name}"
    for name, field in schema["properties"].items():
        path: Path = ("parameters", "properties", name)
        if "$ref" in field and field["$ref"].removeprefix("#/$defs/") not in schema.get("$defs", {}):
            yield (*path, "$ref"), f"{field['$ref']} is not in this file"
            continue
        resolved = _resolved(field, schema)
        found = [*_field(name, resolved)]
        yield from (((*path, *inner), reason) for inner, reason in found)
        if not found and "default" in resolved:
            yield from (((*path, *inner), reason) for inner, reason in _default(name, resolved))


def _field(name: str, field: dict[str, Any]) -> Iterator[Finding]:
    kind = field.get("type")
    if kind is None:
        yield (), f"{name} needs a type"
        return
    if "title" not in field:
        yield (), f"{name} needs a title, which is its label in the form"
    for keyword, kinds in _KEYWORDS_OF.items():
        if keyword in field and kind not in kinds:
            yield (keyword,), f"{keyword} means nothing for {_KINDS[kind]}"
    for low, high in _LIMITS:
        if low in field and high in field and field[low] > field[high]:
            yield (low,), f"{low} is larger than {high}"
    if kind == "array" and ("items" not in field or "maxItems" not in field):
        yield (), f"{name} is a list and needs items and maxItems"
    yield from _enum(field)
    yield from _pattern(field, ())
    yield from _pattern(field.get("items", {}), ("items",))
    yield from _keywords(name, field)


def _enum(field: dict[str, Any]) -> Iterator[Finding]:
    wanted = {"string": str, "integer": int}.get(field["type"])
    for index, choice in enumerate(field.get("enum", [])):
        if wanted and (not isinstance(choice, wanted) or isinstance(choice, bool)):
            yield ("enum", index), f"{_yaml(choice)} is not {_KINDS[field['type']]}; put it in quotes"
    for choice in field.get("x-choices-gives", {}):
        if choice not in [str(item) for item in field.get("enum", [])]:
            yield ("x-choices-gives", choice), f"{choice} is not one of the choices"


def _pattern(field: dict[str, Any], path: Path) -> Iterator[Finding]:
    if "pattern" not in field:
        return
    refused = patterns.why_refused(field["pattern"])
    if refused:
        yield (*path, "pattern"), refused
    if field.get("maxLength", patterns.MAX_TEXT + 1) > patterns.MAX_TEXT:
        yield (*path, "pattern"), f"a pattern needs maxLength of {patterns.MAX_TEXT} or less beside it"


def _keywords(name: str, field: dict[str, Any]) -> Iterator[Finding]:
    ordered = field["type"] in {"integer", "array"} or "enum" in field
    if field.get("monotonic") and not ordered:
        yield ("monotonic",), f"{name} has no order, so it cannot only grow; give it an enum"
    if field.get("monotonic") and field.get("immutable"):
        yield ("monotonic",), f"{name} cannot be both immutable and monotonic"
    if field.get("ephemeral") and (field.get("immutable") or field.get("monotonic")):
        yield ("ephemeral",), f"{name} is not kept, so it cannot be immutable or monotonic"
    if field.get("sensitive") and "default" in field:
        yield ("default",), f"{name} is sensitive, so it cannot have a default that everybody reads"
    for resource, use in field.get("quota", {}).items():
        if isinstance(use, int):
            if field["type"] not in {"integer", "boolean"}:
                yield ("quota", resource), "one number per unit needs a whole number or true/false"
        elif sorted(use) != sorted(str(choice) for choice in field.get("enum", [])):
            yield ("quota", resource), f"say how much {resource} each choice of {name} uses"


def _default(name: str, field: dict[str, Any]) -> Iterator[Finding]:
    schema = {"type": "object", "properties": {name: field}, "additionalProperties": False}
    for error in parameters.check(schema, {name: field["default"]}).errors:
        yield ("default",), f"the default does not obey its own rule: {error.message}"


def _price(data: dict[str, Any]) -> Iterator[Finding]:
    schema = inline(data["parameters"])
    for name, table in data["price"].get("additions", {}).items():
        path: Path = ("price", "additions", name)
        field = schema["properties"].get(name)
        if field is None:
            yield path, f"there is no parameter called {name}"
            continue
        wanted = _priced_values(field)
        if wanted is None:
            yield path, f"{name} cannot have a price: it is neither a choice, a switch nor a number"
        elif sorted(table) != sorted(wanted):
            yield path, f"prices are needed for exactly: {', '.join(wanted)}"


def _priced_values(field: dict[str, Any]) -> list[str] | None:
    if "enum" in field:
        return [str(choice) for choice in field["enum"]]
    return {"boolean": ["true"], "integer": ["each"]}.get(field.get("type", ""))


def _lifetimes(data: dict[str, Any]) -> Iterator[Finding]:
    for tier in data["tiers"]:
        if tier not in _PROD_LIKE and not data["ttl"].get(tier):
            yield ("ttl",), f"{tier} needs a lifetime; only stage and prod live without one"
    for tier, ttl in data["ttl"].items():
        path: Path = ("ttl", tier)
        if tier not in data["tiers"]:
            yield path, f"{tier} is not one of the tiers of this template"
        elif ttl and tier in _PROD_LIKE:
            yield path, f"{tier} never expires by itself; write null"
        elif ttl and durations.hours(ttl["default"]) > durations.hours(ttl["max"]):
            yield (*path, "default"), "default is longer than max"


def _names(data: dict[str, Any]) -> Iterator[Finding]:
    for section in ("outputs", "secrets"):
        seen: set[str] = set()
        for index, entry in enumerate(data.get(section, [])):
            if entry["name"] in seen:
                yield (section, index), f"{entry['name']} is there twice"
            seen.add(entry["name"])
    for key in ("name", "description", "changes"):
        if re.search(r"[\x00-\x1f\x7f]", data[key].rstrip("\n")):
            yield (key,), f"{key} must be one line"
