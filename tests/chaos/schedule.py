"""Which faults come, in which order and to whom: from the seed alone. How each is done stands in faults.py."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# How often each kind is in one deal of the bag.
KINDS = {
    "kill_worker": 4,
    "pause_worker": 3,
    "kill_beat": 2,
    "kill_sandboxd": 3,
    "flush_broker": 2,
    "restart_broker": 2,
    "restart_data": 2,
    "hang_data": 1,
    "restart_postgres": 2,
    "seal_vault": 2,
    "hang_driver": 2,
    "duplicate_messages": 2,
    "delay_messages": 2,
    "two_people": 3,
}
# Seconds that each lasts, from and to: the time that a server stays away, a process stands still, a message waits.
LASTS = {
    "kill_worker": (0.1, 1.0),
    "pause_worker": (4.0, 6.0),
    "kill_beat": (0.1, 4.0),
    "kill_sandboxd": (0.1, 2.0),
    "flush_broker": (0.0, 0.0),
    "restart_broker": (0.1, 3.0),
    "restart_data": (0.1, 3.0),
    "hang_data": (3.5, 5.0),
    "restart_postgres": (0.0, 1.5),
    "seal_vault": (0.5, 3.0),
    "hang_driver": (3.5, 6.0),
    "duplicate_messages": (0.0, 0.0),
    "delay_messages": (1.0, 5.0),
    "two_people": (0.0, 0.0),
}
PARTS = ("all", "main", "child", "child")
SIZES = (1, 1, 1, 2, 2, 3)
PAUSES = (2.0, 4.0)


@dataclass(frozen=True)
class Fault:
    """`victim` is a large number: whoever counts its candidates takes it modulo how many there are."""

    kind: str
    victim: int
    part: str
    seconds: float


@dataclass(frozen=True)
class Burst:
    """Faults of one moment, and how long to wait before them."""

    pause: float
    faults: tuple[Fault, ...]


def schedule(seed: int, count: int) -> list[Burst]:
    """`count` faults in bursts of one to three different kinds; the same for the same numbers, always."""
    dice = random.Random(seed)
    kinds = _deal(dice)
    held: list[str] = []
    bursts: list[Burst] = []
    left = count
    while left:
        size = min(left, dice.choice(SIZES))
        chosen: list[str] = []
        while len(chosen) < size:
            kind = next((name for name in held if name not in chosen), None)
            if kind is None:
                kind = next(kinds)
                if kind in chosen:
                    held.append(kind)
                    continue
            else:
                held.remove(kind)
            chosen.append(kind)
        bursts.append(Burst(round(dice.uniform(*PAUSES), 2), tuple(_fault(dice, kind) for kind in chosen)))
        left -= size
    return bursts


def _deal(dice: random.Random) -> Iterator[str]:
    """Kinds from a bag that is filled again when it is empty, so that each comes in its share."""
    while True:
        bag = [kind for kind, times in KINDS.items() for _ in range(times)]
        dice.shuffle(bag)
        yield from bag


def _fault(dice: random.Random, kind: str) -> Fault:
    seconds = round(dice.uniform(*LASTS[kind]), 2)
    return Fault(kind, dice.randrange(1 << 16), dice.choice(PARTS), seconds)
