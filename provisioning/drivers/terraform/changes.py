"""From what `show -json` says to a plan's changes and to observed resources, with no secret among them.

A sensitive value enters as a keyed hash, so that a swapped one is seen and none can be read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from provisioning.digest import canonical
from provisioning.drivers.base import Change, Resource

Keyed = Callable[[bytes], str]
ACTIONS = {
    ("create",): "create",
    ("update",): "change",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "forget",
    ("create", "forget"): "replace",
}
NOTHING = {("no-op",), ("read",)}


class Veil:
    """Replaces sensitive leaves, and any text that holds one of the given secrets, by a keyed hash."""

    def __init__(self, keyed: Keyed, secrets: Sequence[str]) -> None:
        self._keyed, self._secrets = keyed, tuple(secret for secret in secrets if len(secret) >= 4)
        self._known: dict[bytes, str] = {}

    def __call__(self, value: Any, sensitive: Any) -> Any:
        """The value with what `sensitive` (true, or the same shape with trues) marks as hidden."""
        if sensitive is True:
            return self._hidden(value)
        if isinstance(value, Mapping):
            marks = sensitive if isinstance(sensitive, Mapping) else {}
            return {name: self(item, marks.get(name)) for name, item in value.items()}
        if isinstance(value, list):
            many = sensitive if isinstance(sensitive, list) else []
            return [self(item, many[at] if at < len(many) else None) for at, item in enumerate(value)]
        if isinstance(value, str) and any(secret in value for secret in self._secrets):
            return self._hidden(value)
        return value

    def _hidden(self, value: Any) -> str | None:
        if value is None:
            return None
        raw = canonical(value)
        if raw not in self._known:
            self._known[raw] = f"sensitive {self._keyed(raw)}"
        return self._known[raw]


def of_plan(shown: Mapping[str, Any], veil: Veil) -> list[Change]:
    """The changes of resources and outputs, by address."""
    found = [
        each for raw in shown.get("resource_changes", []) if raw["mode"] == "managed" and (each := _resource(raw, veil))
    ]
    for name, raw in shown.get("output_changes", {}).items():
        change = _change(f"output.{name}", raw, veil, wrap=True)
        if change is not None:
            found.append(change)
    return sorted(found, key=lambda change: change.address)


def _resource(raw: Mapping[str, Any], veil: Veil) -> Change | None:
    deposed = f" (deposed {raw['deposed']})" if raw.get("deposed") else ""
    moved = raw.get("previous_address")
    change = _change(f"{raw['address']}{deposed}", raw["change"], veil)
    if change is None and moved:
        return Change(raw["address"], "move", {"address": moved}, {"address": raw["address"]})
    return change


def _change(address: str, raw: Mapping[str, Any], veil: Veil, *, wrap: bool = False) -> Change | None:
    actions = tuple(raw["actions"])
    importing = raw.get("importing")
    if actions in NOTHING and not importing:
        return None
    before, after = (veil(raw.get(side), raw.get(f"{side}_sensitive")) for side in ("before", "after"))
    if wrap:
        before, after = (None if side is None else {"value": side} for side in (before, after))
        unknown: tuple[str, ...] = ("value",) if raw.get("after_unknown") is True else ()
        after = {} if unknown and after is None else after
    else:
        unknown = tuple(sorted(_unknown(raw.get("after_unknown"), "")))
    action = ACTIONS.get(actions, "-".join(actions))
    if importing:
        action = "import" if actions in NOTHING else f"import-and-{action}"
        before = None
    return Change(address, action, before, after, unknown)


def _unknown(marks: Any, path: str) -> Iterator[str]:
    """Dotted paths of leaves that are known only after apply."""
    if marks is True:
        yield path
    elif isinstance(marks, Mapping):
        for name, inner in marks.items():
            yield from _unknown(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(marks, list):
        for at, inner in enumerate(marks):
            yield from _unknown(inner, f"{path}.{at}" if path else str(at))


def of_state(values: Mapping[str, Any], veil: Veil) -> Iterator[Resource]:
    """The resources and outputs of a state, as `show -json` gives them."""
    for name, output in values.get("outputs", {}).items():
        value = veil(output.get("value"), output.get("sensitive") or None)
        yield Resource(f"output.{name}", {"value": value})
    yield from _of_module(values.get("root_module", {}), veil)


def _of_module(module: Mapping[str, Any], veil: Veil) -> Iterator[Resource]:
    for raw in module.get("resources", []):
        if raw["mode"] != "managed":
            continue
        deposed = f" (deposed {raw['deposed_key']})" if raw.get("deposed_key") else ""
        state = veil(raw.get("values") or {}, raw.get("sensitive_values"))
        yield Resource(f"{raw['address']}{deposed}", {**state, **({"tainted": True} if raw.get("tainted") else {})})
    for child in module.get("child_modules", []):
        yield from _of_module(child, veil)


def without(value: Any, paths: Sequence[str]) -> Any:
    """A copy of the value without the leaves at these dotted paths."""
    for path in paths:
        value = _dropped(value, path.split("."))
    return value


def _dropped(value: Any, parts: list[str]) -> Any:
    head, *rest = parts
    if isinstance(value, Mapping) and head in value:
        kept = {name: item for name, item in value.items() if name != head}
        return {**kept, head: _dropped(value[head], rest)} if rest else kept
    if isinstance(value, list) and head.isdigit() and int(head) < len(value):
        at = int(head)
        return [*value[:at], _dropped(value[at], rest) if rest else None, *value[at + 1 :]]
    return value


def outside(locked: Sequence[Change], now: Sequence[Change]) -> list[str]:
    """Addresses of changes that the locked plan does not hold. What became known meanwhile is no difference."""
    known = {change.address: change for change in locked}
    return [change.address for change in now if not _is_within(known.get(change.address), change)]


def _is_within(locked: Change | None, now: Change) -> bool:
    if locked is None or not set(now.unknown) <= set(locked.unknown):
        return False
    # What was half made is made anew; what was to be replaced may be gone already.
    again = {("create", "replace"), ("replace", "create"), ("replace", "destroy")}
    if locked.action != now.action and (locked.action, now.action) not in again:
        return False
    if now.action == "destroy":
        return True
    return canonical(without(locked.after, locked.unknown)) == canonical(without(now.after, locked.unknown))
