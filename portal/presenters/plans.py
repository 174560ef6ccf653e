"""A recorded plan as a diff, its counts, and the difference between two plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import ngettext

from portal.presenters import diffs
from provisioning.digest import canonical

MOST_OPEN = 12
_ACTIONS = {"update": "change", "delete": "destroy"}


@dataclass(frozen=True)
class Counts:
    """How many resources a plan creates, changes and destroys."""

    create: int = 0
    change: int = 0
    destroy: int = 0

    @property
    def total(self) -> int:
        return self.create + self.change + self.destroy

    def __str__(self) -> str:
        return f"+{self.create} ~{self.change} −{self.destroy}"


def counts(plan: Mapping[str, Any] | None) -> Counts:
    """Counted from the recorded document; none before it is planned."""
    actions = [_action(change) for change in (plan or {}).get("changes", [])]
    made, gone = actions.count("create"), actions.count("destroy")
    return Counts(made, len(actions) - made - gone, gone)


def changes(plan: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Rows for components/diff.html; long plans open only their first resources."""
    rows = [_change(change) for change in (plan or {}).get("changes", [])]
    for row in rows[MOST_OPEN:]:
        row["shut"] = True
    return rows


def _action(change: Mapping[str, Any]) -> str:
    action = str(change["action"])
    return _ACTIONS.get(action, action)


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    rows = diffs.lines(change.get("before"), change.get("after"), change.get("unknown") or ())
    return {
        "address": change["address"],
        "action": _action(change),
        "word": _action(change),
        "note": ngettext("%(n)s line", "%(n)s lines", len(rows)) % {"n": len(rows)},
        "rows": rows,
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs between two recorded plans, part by part, as a diff of its own."""
    rows = []
    for address, old, new in _parts(before, after):
        action = "create" if old is None else "destroy" if new is None else "change"
        rows.append({"address": address, "action": action, "rows": [r for r in diffs.lines(old, new) if r.sign]})
    return rows


def _parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    old, new = _by_part(before), _by_part(after)
    names = sorted({*old, *new})
    return [(n, old.get(n), new.get(n)) for n in names if canonical(old.get(n)) != canonical(new.get(n))]


def _by_part(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {change["address"]: dict(change) for change in plan.get("changes", [])}
    for name, value in plan.items():
        if name != "changes":
            parts[name.replace("_", " ")] = {"value": value}
    return parts
