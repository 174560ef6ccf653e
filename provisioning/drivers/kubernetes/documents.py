"""Reads rendered YAML documents: small, without references, only plain objects. Used by charts and overlays."""

from __future__ import annotations

from typing import Any

import yaml

_LARGEST = 2_000_000
_MOST = 500


class BadDocuments(ValueError):
    """The text is not a list of plain objects."""


class _Plain(yaml.SafeLoader):
    """Dates stay text; references, with which a small text can grow without end, are refused."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise BadDocuments("the rendered text holds a YAML reference (*name)")
        return super().compose_node(parent, index)


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str) -> list[dict[str, Any]]:
    """Every object in the text; lists are taken apart, empty documents left out."""
    if len(text) > _LARGEST:
        raise BadDocuments(f"the rendered text has more than {_LARGEST} characters")
    found: list[dict[str, Any]] = []
    try:
        for document in yaml.load_all(text, Loader=_Plain):
            found += _objects(document)
    except yaml.YAMLError as error:
        raise BadDocuments(f"the rendered text is no YAML ({getattr(error, 'problem', None) or 'unknown'})") from None
    if len(found) > _MOST:
        raise BadDocuments(f"there are more than {_MOST} objects")
    return found


def _objects(document: Any) -> list[dict[str, Any]]:
    if document is None:
        return []
    if not isinstance(document, dict):
        raise BadDocuments("a rendered document is no object")
    if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
        return [found for item in document["items"] for found in _objects(item)]
    return [document]
