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
# What lets a request get far, so that the later axes are seen at work. The first half of all draws is from here.
USUAL: dict[str, tuple[str, ...]] = {
    "tier": ("prod", "prod", "stage", "test", "sandbox"),
    "requester": ("developer", "owner", "machine", "granted"),
    "window": ("open", "over", "allowed", "other"),
    "quota": ("free", "room", "warns"),
    "findings": ("clean", "long"),
}
SEED, FLIPS, LEAST = 20261123, 60, 2000


def _draw(chance: random.Random, axis: str) -> str:
    usual = USUAL.get(axis)
    return chance.choice(usual if usual and chance.random() < 0.6 else AXES[axis])


def _drawn(chance: random.Random, **fixed: str) -> Case:
    return {axis: fixed.get(axis) or _draw(chance, axis) for axis in AXES}


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
    for axis, values in AXES.items():
        found = 0
        while found < FLIPS:
            one = _drawn(chance)
            other = {**one, axis: chance.choice(values)}
            if flips(one, other):
                found += 1
                yield from (one, other)


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
