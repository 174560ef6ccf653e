"""Reads the whole history of the operations afterwards: nothing missing, nothing twice, no late write.

What was accepted must be there; every status follows from the one before; each life ends once.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.db import connection

from provisioning.models import Operation
from provisioning.states import OPERATION, TERMINAL
from tests.chaos.driver import read

_EVENTS = """
SELECT substr(object, 11), source, event, epoch, before, after, data FROM audit_event
WHERE object LIKE 'operation:%' ORDER BY id
"""


@dataclass
class Verdict:
    """What is wrong, in sentences, by sort."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


@dataclass
class Life:
    """One operation as its history tells it."""

    inserted: int = 0
    statuses: list[tuple[str | None, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    fences: list[int] = field(default_factory=list)
    epochs: set[int] = field(default_factory=set)


def judge(accepted: set[str], files: Path) -> Verdict:
    """Hold rows, history and the counted writes against each other."""
    verdict = Verdict()
    rows = {str(pk): status for pk, status in Operation.objects.values_list("pk", "status")}
    verdict.lost += [f"accepted, but not there: {pk}" for pk in sorted(accepted - rows.keys())]
    lives = _lives()
    for pk, status in rows.items():
        _judge_life(pk, status, lives[pk], verdict)
    if len({epoch for life in lives.values() for epoch in life.epochs}) > 1:
        verdict.lost.append("the epoch of the history changed")
    for file in sorted(files.glob("*/?.json")):
        _judge_writes(f"{file.parent.name}/{file.stem}", read(file)["writes"], rows, verdict)
    return verdict


def _lives() -> dict[str, Life]:
    lives: dict[str, Life] = defaultdict(Life)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS)
        for pk, source, event, epoch, before, after, data in cursor:
            life = lives[pk]
            life.epochs.add(epoch)
            if source == "event":
                _tell(life, event, _json(data))
            elif event == "operation.inserted":
                life.inserted += 1
                life.statuses.append((None, _json(after)["status"]))
            elif "status" in _json(after):
                life.statuses.append((_json(before)["status"], _json(after)["status"]))
    return lives


def _tell(life: Life, event: str, data: dict[str, Any]) -> None:
    if event == "operation.claimed":
        life.fences.append(int(data["fence"]))
    else:
        life.told.append(event.removeprefix("operation."))


def _json(value: Any) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value or {}
    return found


def _judge_life(pk: str, status: str, life: Life, verdict: Verdict) -> None:
    if life.inserted != 1 or "requested" not in life.told:
        verdict.lost.append(f"{pk}: its request is not in the history once")
        return
    for (_, earlier), (before, after) in pairwise(life.statuses):
        if before != earlier or after not in OPERATION[before]:
            verdict.lost.append(f"{pk}: {earlier} was followed by {before} → {after}")
    if life.statuses[-1][1] != status:
        verdict.lost.append(f"{pk}: is {status}, its history says {life.statuses[-1][1]}")
    retries = sum(before == "failed" for before, _ in life.statuses)
    ends = sum(after in TERMINAL for _, after in life.statuses)
    told = sum(event in TERMINAL for event in life.told)
    wanted = retries + (status in TERMINAL)
    if (ends, told) != (wanted, wanted):
        sort = verdict.doubled if max(ends, told) > wanted else verdict.lost
        sort.append(f"{pk}: ended {ends} times and told so {told} times, after {retries} retries")
    claimed = any(after in {"planning", "running"} for _, after in life.statuses)
    if claimed and (not life.fences or any(later <= earlier for earlier, later in pairwise(life.fences))):
        verdict.doubled.append(f"{pk}: its claims do not follow each other: {life.fences}")


def _judge_writes(place: str, writes: list[list[Any]], rows: dict[str, str], verdict: Verdict) -> None:
    """Writes of one file: fences never fall, no operation does the same twice in a row, each is one that exists."""
    for (operation, what, fence, state), (next_operation, next_what, next_fence, next_state) in pairwise(writes):
        if next_fence < fence:
            verdict.doubled.append(f"{place}: a late write of {next_operation}")
        if (operation, what, state) == (next_operation, next_what, next_state):
            verdict.doubled.append(f"{place}: {operation} did {what} twice")
    verdict.lost += [f"{place}: written by {write[0]}, which is not there" for write in writes if write[0] not in rows]
