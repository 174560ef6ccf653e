"""YAML in and out: bytes that are the same for the same document, and what may be shown of a document.

Also the check that no secret value goes into Git. What stands in which file is `overlay`'s business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from catalog import strict_yaml
from catalog.problems import Problem
from provisioning.redaction import KNOWN, MASK

Document = Mapping[str, Any]

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SECRET_KEY = re.compile(
    r"(?i)(^|[^a-z])(password|passwd|token|api[_-]?key|private[_-]?key|client[_-]?secret)$|(?<=[a-z])"
    r"(Password|Passwd|Token|ApiKey|PrivateKey|ClientSecret)$"
)
_VALUES_OF_SECRET = ("data", "stringData")


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some YAML reader could take for something else; no aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
    style = None if plain else "|" if "\n" in value else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Document) -> bytes:
    """The document as YAML: the same bytes for the same document."""
    text: str = yaml.dump(
        _plain(document), Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True, default_flow_style=False
    )
    return text.encode()


def parse(content: bytes) -> Document:
    """The document in a file; what is not one plain document is told by its digest, so that a change is still seen."""
    try:
        loaded = strict_yaml.load(content.decode(), file="")
    except UnicodeDecodeError:
        loaded = None
    if loaded is None or isinstance(loaded, Problem) or not isinstance(loaded.value, dict):
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    value: dict[str, Any] = loaded.value
    return value


def shown(document: Document) -> Document:
    """The document without secret values: what may stand in a plan, on a page and in a log."""
    masked = _masked(document)
    return masked if isinstance(masked, Mapping) else {}


def is_masked(value: Any) -> bool:
    """Was something taken out of this when it was read?"""
    if isinstance(value, Mapping):
        return any(is_masked(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_masked(item) for item in value)
    return isinstance(value, str) and MASK in value


def secrets_in(document: Document, at: str = "") -> Iterator[str]:
    """Where a secret value stands in a document, in sentences that do not repeat it."""
    if document.get("kind") == "Secret" and any(document.get(part) for part in _VALUES_OF_SECRET):
        yield f"{at}: a Secret with values may not stand in Git; name an ExternalSecret or a Vault path instead."
        return
    for path, key, value in _leaves(document):
        where = f"{at}: {'.'.join(path)}"
        if KNOWN(value) != value:
            yield f"{where} looks like a secret value; name its Vault path instead."
        elif _SECRET_KEY.search(key):
            yield f"{where} is given as a value; name its Vault path instead."


def _leaves(value: Any, path: tuple[str, ...] = (), key: str = "") -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Every text with its path and the name it goes by (`{name: X, value: …}` goes by X)."""
    if isinstance(value, Mapping):
        named = value.get("name")
        for part, item in value.items():
            goes_by = named if part == "value" and isinstance(named, str) else str(part)
            yield from _leaves(item, (*path, str(part)), goes_by)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, str(number)), "")
    elif isinstance(value, str) and value:
        yield path, key, value


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        hidden = _VALUES_OF_SECRET if value.get("kind") == "Secret" else ()
        named = value.get("name")
        return {
            part: dict.fromkeys(item, MASK)
            if part in hidden and isinstance(item, Mapping)
            else _masked(item, named if part == "value" and isinstance(named, str) else str(part))
            for part, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if isinstance(value, str):
        return MASK if value and _SECRET_KEY.search(key) else KNOWN(value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
