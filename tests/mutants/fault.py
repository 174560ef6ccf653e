"""What a fault is. Those that are planted stand in faults.py and governance.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault. `old` stands exactly once in `file`; one of `tests` must fail when it became `new`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
