"""The shape of `template.yaml` (berth/v1) as JSON Schema. Rules across fields are in `template_rules.py`."""

from collections.abc import Mapping
from typing import Any

from catalog import durations

API_VERSION = "berth/v1"
TIERS = ("sandbox", "preview", "dev", "test", "stage", "prod")
CATEGORIES = ("Application", "Data", "Background work", "Other")
NAME = r"^[a-z][a-z0-9_]{0,39}$"
SLUG = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
MONEY = r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,6})?$"


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest}


def _matching(pattern: str, says: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "x-says": says}


def closed(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """An object that may hold these properties and no others; drivers write the shape of `resources` with it, too."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_NAME = _matching(NAME, "lower-case letters, digits and _, beginning with a letter, at most 40")
_COUNT = {"type": "integer", "minimum": 0}
_SCALAR = {"type": ["string", "integer", "boolean"]}
_RATE = closed({kind: {"$ref": "#/$defs/money"} for kind in ("running", "suspended")}, "running", "suspended")

PROPERTY_KEYWORDS: dict[str, Any] = {
    "type": {"enum": ["string", "integer", "boolean", "array"]},
    "title": _text(60),
    "description": _text(300),
    "default": {"type": ["string", "integer", "boolean", "array"]},
    "enum": {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 50, "uniqueItems": True},
    "minimum": {"type": "integer"},
    "maximum": {"type": "integer"},
    "multipleOf": {"type": "integer", "minimum": 1},
    "minLength": _COUNT,
    "maxLength": {"type": "integer", "minimum": 1, "maximum": 4000},
    "pattern": _text(1000),
    "items": closed(
        {
            "type": {"const": "string"},
            "enum": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 50},
            "minLength": _COUNT,
            "maxLength": {"type": "integer", "minimum": 1, "maximum": 1000},
            "pattern": _text(1000),
        },
        "type",
    ),
    "minItems": _COUNT,
    "maxItems": {"type": "integer", "minimum": 1, "maximum": 200},
    "uniqueItems": {"type": "boolean"},
    "immutable": {"type": "boolean"},
    "monotonic": {"type": "boolean"},
    "ephemeral": {"type": "boolean"},
    "sensitive": {"type": "boolean"},
    "quota": {
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": {"anyOf": [_COUNT, {"type": "object", "additionalProperties": _COUNT}]},
    },
    "x-unit": _text(20),
    "x-choices-gives": {"type": "object", "additionalProperties": _text(80)},
    "x-pattern-says": _text(120),
}

_PROPERTY = closed(
    {
        **PROPERTY_KEYWORDS,
        "$ref": _matching(r"^#/\$defs/[A-Za-z0-9_-]+$", "a reference inside this file: #/$defs/NAME"),
    }
)

_PARAMETERS = closed(
    {
        "type": {"const": "object"},
        "properties": {
            "type": "object",
            "propertyNames": _NAME,
            "additionalProperties": _PROPERTY,
            "maxProperties": 40,
        },
        "required": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "additionalProperties": {"const": False},
        "$defs": {"type": "object", "additionalProperties": closed(PROPERTY_KEYWORDS, "type")},
    },
    "type",
    "properties",
)

_TTL = {
    "anyOf": [
        {"type": "null"},
        closed({"default": {"$ref": "#/$defs/duration"}, "max": {"$ref": "#/$defs/duration"}}, "default", "max"),
    ],
    "x-says": "null, or default and max as hours or days, for example {default: 14d, max: 60d}",
}

_PRICE = closed(
    {
        "currency": _matching(r"^[A-Z]{3}$", "a currency of three capital letters, for example EUR"),
        "book": _text(40),
        "base": _RATE,
        "additions": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": _RATE},
        },
    },
    "currency",
    "book",
    "base",
)

_OUTPUT = closed({"name": _NAME, "description": _text(200), "sensitive": {"type": "boolean"}}, "name", "description")
_SECRET = closed(
    {
        "name": _NAME,
        "description": _text(200),
        "rotate_days": {"type": "integer", "minimum": 1, "maximum": 365},
    },
    "name",
    "description",
    "rotate_days",
)

_OPTIONAL = {"state", "secrets", "target"}

_TEMPLATE: dict[str, Any] = {
    "apiVersion": {"const": API_VERSION},
    "name": _text(60),
    "description": _text(300),
    "icon": _matching(r"^[a-z0-9-]{1,40}$", "the name of an icon, for example world"),
    "category": {"enum": list(CATEGORIES)},
    "owner": _matching(SLUG, "the short name of a team"),
    "state": {"enum": ["active", "deprecated", "retired"]},
    "version": _matching(r"^(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){2}$", "three numbers, for example 1.2.0"),
    "changes": _text(200),
    "driver": _NAME,
    "target": _matching(SLUG, "the short name of a target"),
    "tiers": {"type": "array", "items": {"enum": list(TIERS)}, "minItems": 1, "uniqueItems": True},
    "parameters": _PARAMETERS,
    "outputs": {"type": "array", "items": _OUTPUT, "maxItems": 30},
    "secrets": {"type": "array", "items": _SECRET, "maxItems": 30},
    "price": _PRICE,
    "ttl": closed({tier: _TTL for tier in TIERS}),
    "resources": {"type": "object"},
}

META_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "money": _matching(MONEY, 'an amount per hour in quotes, for example "0.0450"'),
        "duration": _matching(durations.PATTERN, "hours or days, for example 12h or 14d"),
    },
    **closed(_TEMPLATE, *(key for key in _TEMPLATE if key not in _OPTIONAL)),
}
