"""The axes of the table and its cases: every pair of values, what flips by one axis alone, and chance beyond that.

The same cases at every run. What must become of them is not known here; `flips` is told by whoever knows.
"""

import random
from collections.abc import Callable, Iterator
from itertools import combinations

Case = dict[str, str]

AXES: dict[str, tuple[str, ...]] = {
    "kind": ("create", "update", "suspend", "resume", "reconcile", "destroy", "deploy", "promote", "rollback"),
    "tier": ("sandbox", "preview", "dev", "test", "stage", "prod"),
    "requester": (
        *("developer", "owner", "machine", "granted", "custom", "viewer", "approver", "platform", "auditor"),
        *("neighbour", "outsider", "lapsed", "denied"),
    ),
    "approvers": (
        *("nobody", "one", "two", "mixed", "foreign", "two_foreign", "twice", "stand_in", "requester"),
        *("outsider", "refused", "stale"),
    ),
    "window": (
        *("open", "freeze", "prod", "rollbacks", "over", "allowed", "outside", "both", "other", "line", "lines"),
        *("paused", "schedules"),
    ),
    "quota": (
        *("free", "room", "last", "full", "lowered", "tier", "service", "money", "currency", "blocks", "warns"),
        "small",
    ),
    "findings": (
        *("clean", "long", "month", "over", "endless", "tierless", "costless", "reserved", "unisolated", "removal"),
    ),
    "exception": ("none", "asked", "granted", "expired", "override", "other_override"),
    "rules": ("shipped", "none", "foreign", "warned", "waived", "shut", "steps", "costly"),
}
# What lets a request get far, so that every axis is seen at work: most of what flips is drawn from here.
USUAL: dict[str, tuple[str, ...]] = {
    "tier": ("prod", "prod", "stage", "test", "sandbox"),
    "requester": ("developer", "owner", "machine", "granted"),
    "window": ("open", "over", "allowed", "other"),
    "quota": ("free", "room", "warns"),
    "findings": ("clean", "long"),
}
SEED, FLIPS, LEAST = 20261123, 54, 2000


def _drawn(chance: random.Random, far: float = 0.0, **fixed: str) -> Case:
    """A case by chance; `far` is how probable the values are that let it get far."""
    drawn = {
        axis: chance.choice(USUAL[axis] if axis in USUAL and chance.random() < far else AXES[axis]) for axis in AXES
    }
    return {**drawn, **fixed}


def pairs_of(case: Case) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Every pair of values of two axes that the case has."""
    return combinations(((axis, case[axis]) for axis in AXES), 2)


def every_pair() -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Every pair of values of every two axes."""
    return {((a, x), (b, y)) for a, b in combinations(AXES, 2) for x in AXES[a] for y in AXES[b]}


def _pairwise(chance: random.Random) -> Iterator[Case]:
    missing = every_pair()
    for pair in sorted(missing):
        if pair in missing:
            tries = [_drawn(chance, **dict(pair)) for _ in range(8)]
            best = max(tries, key=lambda case: len(missing.intersection(pairs_of(case))))
            missing.difference_update(pairs_of(best))
            yield best


def _flipping(chance: random.Random, flips: Callable[[Case, Case], bool]) -> Iterator[Case]:
    """Cases with neighbours that differ in one axis and in what becomes of them, until each axis did so often."""
    missing = dict.fromkeys(AXES, FLIPS)
    while missing:
        case = _drawn(chance, far=0.6)
        near = {axis: {**case, axis: chance.choice(AXES[axis])} for axis in missing}
        found = {axis: other for axis, other in near.items() if flips(case, other)}
        if len(found) * 2 > len(missing):
            yield from (case, *found.values())
            missing = {axis: count - (axis in found) for axis, count in missing.items()}
            missing = {axis: count for axis, count in missing.items() if count}


def table(flips: Callable[[Case, Case], bool]) -> list[Case]:
    """The cases, each once, in an order that never changes."""
    chance = random.Random(SEED)
    cases = {tuple(case.values()): case for case in (*_pairwise(chance), *_flipping(chance, flips))}
    while len(cases) < LEAST:
        case = _drawn(chance)
        cases.setdefault(tuple(case.values()), case)
    return list(cases.values())


def name_of(case: Case) -> str:
    """A case as a failure names it."""
    return " ".join(f"{axis}={value}" for axis, value in case.items())
