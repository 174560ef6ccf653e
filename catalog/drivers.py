"""What the catalogue knows of drivers: their names and what a template may say to each.

The drivers themselves live above; provisioning fills this registry when it starts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Terms:
    """What a driver asks of a template: the JSON Schema of `resources`, and what keeps it from working here."""

    schema: Mapping[str, Any]
    problems: Callable[[Mapping[str, Any]], tuple[str, ...]]


_find: list[Callable[[str], Terms | None]] = []
_list: list[Callable[[], list[str]]] = []


def use(*, find: Callable[[str], Terms | None], names: Callable[[], list[str]]) -> None:
    """Learn drivers by these two functions; called once, when provisioning is ready."""
    _find[:], _list[:] = [find], [names]


def terms(name: str) -> Terms | None:
    """The terms of the driver with this name, or None when no such driver is installed."""
    return _find[0](name) if _find else None


def names() -> list[str]:
    """Every installed driver, sorted."""
    return _list[0]() if _list else []
