"""Reads candidates for adoption out of a CSV list or a Terraform state, and takes them for an environment.

Every row that cannot be used is named with its reason; the others go on. Writing the rest is actions/inventory.py's.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from audit.cells import FORMULA, as_meant, as_text
from policies.results import Denied
from provisioning.actions.storable import storable
from provisioning.models import Environment
from provisioning.models.inventory import InventoryItem
from provisioning.states import EnvironmentStatus as E

MOST_ROWS = 5000
MOST_BYTES = 4 * 1024 * 1024
COLUMNS = ("driver", "target", "kind", "address", "id", "name", "team", "owner")
NEEDED = ("driver", "kind", "address", "id")
LONGEST = {"driver": 20, "target": 40, "kind": 80, "address": 160, "id": 500, "name": 120, "team": 40, "owner": 150}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Candidate:
    """One existing resource as it was read. `target`, `team` and `owner` by name, "" for none."""

    driver: str
    kind: str
    address: str
    id: str
    target: str = ""
    name: str = ""
    team: str = ""
    owner: str = ""


@dataclass(frozen=True)
class RowError:
    """Why one row was left out. Rows count from 1 without the heading; 0 is the whole file."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True)
class Read:
    """What could be read, by row, and what could not."""

    candidates: tuple[tuple[int, Candidate], ...] = ()
    errors: tuple[RowError, ...] = ()


def read_csv(text: str) -> Read:
    """A list with the heading driver, target, kind, address, id, name, team, owner in any order."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return _whole("It is larger than 4 MB. Split it.")
    if not storable(text):
        return _whole("It holds characters that no text has: is it a list?")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        heading = [(name or "").strip().lower() for name in reader.fieldnames or []]
        reader.fieldnames = heading
        missing = [name for name in NEEDED if name not in heading]
        unknown = [name for name in heading if name not in COLUMNS]
        if missing or unknown:
            said = f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown)[:200] or 'none'}"
            return _whole(f"The heading must name {', '.join(COLUMNS)} ({said}).")
        rows = [(number, row) for number, row in enumerate(reader, 1) if number <= MOST_ROWS + 1]
    except csv.Error as error:
        return _whole(f"It is no CSV: {error}.")
    return checked((number, _cells(row)) for number, row in rows)


def read_terraform(text: str, *, target: str = "") -> Read:
    """The managed resources of a state file (version 4) or of `terraform show -json`. Attributes are not kept."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return _whole("It is larger than 4 MB. Split it.")
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        return _whole("It is no JSON.")
    if not isinstance(state, dict) or not ("resources" in state or "values" in state):
        return _whole("It is neither a Terraform state nor the output of terraform show -json.")
    try:
        found = list(_of_state(state)) if "resources" in state else list(_of_module(state["values"]["root_module"]))
    except (AttributeError, KeyError, TypeError):
        return _whole("It does not have the form of a Terraform state of version 4.")
    return checked((number, {"driver": "terraform", "target": target, **row}) for number, row in enumerate(found, 1))


def _of_state(state: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for resource in state["resources"]:
        if resource.get("mode") != "managed":
            continue
        base = ".".join(part for part in (resource.get("module"), resource["type"], resource["name"]) if part)
        for instance in resource["instances"]:
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            secret = any(_names_id(path) for path in instance.get("sensitive_attributes") or [])
            yield _found(base + index, resource, {} if secret else instance.get("attributes") or {})


def _names_id(path: Any) -> bool:
    """A path of a state is a list of steps; `id` alone marks the id itself as secret."""
    return isinstance(path, list) and [step.get("value") for step in path if isinstance(step, dict)] == ["id"]


def _of_module(module: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for resource in module.get("resources", []):
        if resource.get("mode") == "managed":
            secret = (resource.get("sensitive_values") or {}).get("id") is True
            yield _found(resource["address"], resource, {} if secret else resource.get("values") or {})
    for child in module.get("child_modules", []):
        yield from _of_module(child)


def _found(address: str, resource: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    own = values.get("id")
    return {
        "kind": resource["type"],
        "address": address,
        "id": "" if own is None else str(own),
        "name": resource["name"],
    }


def _cells(row: Mapping[str | None, Any]) -> dict[str, str]:
    """The cells by column; a cell that a spreadsheet export had quoted with ' is taken as it was meant."""
    cells = {name: (value or "").strip(" ") for name, value in row.items() if name and isinstance(value, str)}
    if None in row:
        cells["too_many"] = "1"
    return {name: as_meant(value) for name, value in cells.items()}


def checked(rows: Iterable[tuple[int, Mapping[str, str]]]) -> Read:
    """The rows that can be used, as candidates, and what is wrong with the others."""
    candidates: list[tuple[int, Candidate]] = []
    errors: list[RowError] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, row in rows:
        if number > MOST_ROWS:
            errors.append(RowError(number, "", f"More than {MOST_ROWS} rows: the rest was left out."))
            break
        wrong = list(_wrong(number, row))
        key = tuple(row.get(name, "") for name in ("driver", "target", "kind", "id"))
        if not wrong and key in seen:
            wrong = [RowError(number, "id", f"It is in row {seen[key]} already.")]
        if wrong:
            errors += wrong
            continue
        seen[key] = number
        candidates.append((number, Candidate(**{name: row.get(name, "") for name in COLUMNS})))
    return Read(tuple(candidates), tuple(errors))


def _wrong(number: int, row: Mapping[str, str]) -> Iterator[RowError]:
    if "too_many" in row:
        yield RowError(number, "", "It has more cells than the heading.")
        return
    for name in COLUMNS:
        value = row.get(name, "")
        if not value and name in NEEDED:
            yield RowError(number, name, "It is empty.")
        elif len(value) > LONGEST[name]:
            yield RowError(number, name, f"It is longer than {LONGEST[name]} characters.")
        elif _CONTROL.search(value) or not storable(value):
            yield RowError(number, name, "It holds a control character.")
        elif name != "id" and value.startswith(FORMULA):
            yield RowError(number, name, "It begins like a formula of a spreadsheet.")


def _whole(reason: str) -> Read:
    return Read(errors=(RowError(0, "", reason),))


def take(items: tuple[UUID, ...], environment: Environment) -> bool:
    """Give the items to the environment, if they are its team's and nobody has them. Call inside an audit context."""
    if not items:
        return True
    free = InventoryItem.objects.select_for_update(of=("self",)).filter(
        Q(environment=None) | Q(environment__status=E.DESTROYED), pk__in=items, team=environment.team
    )
    found = list(free)
    for item in found:
        item.environment = environment
        item.save(update_fields=["environment"])
    return len(found) == len(set(items))


def gone() -> Denied:
    """What is said when another adoption was quicker."""
    return Denied(
        rule="adopt.free",
        field="items",
        reason="Some of these belong to an environment already, or to another team.",
        fix="Open the inventory again and choose among what is free.",
        status=409,
    )


def csv_lines(items: Iterable[InventoryItem]) -> Iterator[str]:
    """The inventory as lines of a CSV file with the heading that `read_csv` wants."""
    yield _line(COLUMNS)
    for item in items:
        target = item.target.slug if item.target else ""
        team, owner = item.team.slug if item.team else "", item.owner.username if item.owner else ""
        yield _line((item.driver, target, item.kind, item.address, item.resource_id, item.name, team, owner))


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([as_text(cell) for cell in cells])
    return out.getvalue()
