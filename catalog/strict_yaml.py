"""A small, strict reading of YAML: plain data with the line of every value, or one Problem.

Refused: anchors and aliases, tags, duplicate keys, keys that are not text, floats, several documents,
deep nesting, too many values. `yes`, `on`, `012` and dates stay text. Knows nothing about templates.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from catalog.problems import Problem

MAX_DEPTH = 16
MAX_EVENTS = 10_000
MAX_INTEGER = 2**53 - 1

_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?$|^[-+]?[0-9]+[eE][-+]?[0-9]+$")
_SPECIAL_FLOAT = re.compile(r"^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$")
_INTEGER = re.compile(r"^(0|-?[1-9][0-9]*)$")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Loaded:
    """Plain data and the line (from 1) on which the value, or its key, at each path begins."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class RefusedError(Exception):
    """Carries one Problem out of the walk; `load` turns it into a return value."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def load(text: str, *, file: str) -> Loaded | Problem:
    """Read one YAML document."""
    try:
        _scan(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        loaded = Loaded(None)
        loaded.value = None if node is None else _value(node, (), loaded)
    except RefusedError as refused:
        return Problem(file, refused.line, refused.reason)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(file, mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}")
    except yaml.YAMLError:
        return Problem(file, 1, "not valid YAML: it holds a character that YAML does not allow")
    return loaded


def _scan(text: str) -> None:
    """Refuse what would be expensive or surprising before any tree is built."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = _line(event)
        if count > MAX_EVENTS:
            raise RefusedError(line, "the file holds more values than a template can have")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise RefusedError(line, "only one YAML document is allowed in a file")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise RefusedError(line, "YAML anchors and aliases (& and *) are not allowed; write the value out")
        tag = getattr(event, "tag", None)
        if tag:
            raise RefusedError(line, f"YAML tags ({tag}) are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise RefusedError(line, f"nested deeper than {MAX_DEPTH} levels")


def _value(node: yaml.Node, path: Path, loaded: Loaded) -> Any:
    loaded.lines.setdefault(path, _line(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, loaded)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), loaded) for index, item in enumerate(node.value)]
    return _scalar(node)


def _line(marked: yaml.Event | yaml.Node) -> int:
    return marked.start_mark.line + 1 if marked.start_mark else 1


def _mapping(node: yaml.MappingNode, path: Path, loaded: Loaded) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise RefusedError(line, "every key must be text; put it in quotes")
        if key == "<<":
            raise RefusedError(line, "YAML merge keys (<<) are not allowed; write the values out")
        if key in found:
            raise RefusedError(line, f"the key '{key}' is there twice")
        loaded.lines[(*path, key)] = line
        found[key] = _value(value_node, (*path, key), loaded)
    return found


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    line = _line(node)
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise RefusedError(line, "holds a character that cannot be stored")
    if getattr(node, "style", None) is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _FLOAT.match(text) or _SPECIAL_FLOAT.match(text):
        raise RefusedError(line, f"{text} is a float, which does not add up exactly; write it in quotes")
    if not _INTEGER.match(text):
        return text
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise RefusedError(line, "this whole number is too large; write it in quotes")
    return int(text)
