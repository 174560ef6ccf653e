"""Which tables the history watches and which it leaves out, with the reason.

Every app lists its own tables in `AppConfig.ready()`. The triggers themselves are made in `triggers.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.apps import apps
from django.db.models import Model


@dataclass(frozen=True, slots=True)
class Watched:
    """A table whose every row change is recorded; `scope` and `masked` are column names."""

    prefix: str
    scope: str = ""
    masked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exempt:
    """A table that is left out, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A watched model resolved to its table and primary key column."""

    table: str
    pk: str
    rule: Watched


_rules: dict[str, Watched | Exempt] = {}


def watch(label: str, *, prefix: str, scope: str = "", masked: tuple[str, ...] = ()) -> None:
    """Record every row change of the model `app.Model` as `<prefix>.inserted|updated|deleted`.

    `scope` is the column that holds the team's id; `masked` columns are never stored in clear.
    """
    _add(label, Watched(prefix=prefix, scope=scope, masked=tuple(sorted(masked))))


def exempt(label: str, *, reason: str) -> None:
    """Leave the model `app.Model` out of the history, for the stated reason."""
    if not reason.strip():
        raise ValueError(f"{label}: an exemption needs a reason")
    _add(label, Exempt(reason=reason))


def registered() -> Mapping[str, Watched | Exempt]:
    """Return every rule by lower-case model label."""
    return MappingProxyType(_rules)


def watched_tables() -> list[WatchedTable]:
    """Return the watched tables by name; a rule that names an unknown model or column raises."""
    found = [_resolved(apps.get_model(label), rule) for label, rule in _rules.items() if isinstance(rule, Watched)]
    return sorted(found, key=lambda each: each.table)


def unlisted_tables() -> list[str]:
    """Return the tables of all models, automatic ones included, that are neither watched nor exempt."""
    models = apps.get_models(include_auto_created=True)
    return sorted(
        {model._meta.db_table for model in models if not model._meta.proxy and model._meta.label_lower not in _rules}
    )


def _add(label: str, rule: Watched | Exempt) -> None:
    key = label.lower()
    if _rules.setdefault(key, rule) != rule:
        raise ValueError(f"{label} is already listed with another rule")


def _resolved(model: type[Model], rule: Watched) -> WatchedTable:
    columns = {field.column for field in model._meta.concrete_fields}
    unknown = {name for name in (rule.scope, *rule.masked) if name} - columns
    if unknown:
        raise ValueError(f"{model._meta.label} has no column {', '.join(sorted(unknown))}")
    pk = model._meta.pk
    if pk is None or pk.column is None:
        raise ValueError(f"{model._meta.label} needs a primary key of one column to be watched")
    return WatchedTable(table=model._meta.db_table, pk=pk.column, rule=rule)
