"""The situations that cases begin in: an environment in which a verb has something to do, how the verb ends there, and
another corner of the world to plan in. No case is in here."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone, translation

from tests.contract.carrying import Guard, Run, level, new_key
from tests.contract.harness import Harness

VERBS = ("create", "update", "suspend", "resume", "destroy", "deploy", "adopt", "reconcile")
NEVER = 10**9


@dataclass(frozen=True)
class Whole:
    """How a verb ends when nobody dies in it, after how many steps and calls of the guard."""

    level: Any
    steps: int
    calls: int


_known: dict[tuple[str, str], Whole] = {}


def whole(harness: Harness, environments: Callable[..., Run], verb: str) -> Whole:
    """The verb carried through in an environment of its own, once for each harness."""
    if (harness.name, verb) not in _known:
        run = environments("whole")
        guard = Guard(harness, ready_for(run, verb).spec, NEVER)
        with run.planned(verb) as plan:
            steps = len(run.steps(verb, plan))
        run.carry_out(verb, new_key(guard))
        _known[harness.name, verb] = Whole(level(harness, run.spec), steps, guard.calls)
    return _known[harness.name, verb]


def ready_for(run: Run, verb: str) -> Run:
    """Bring the environment to where the verb has something to do."""
    harness = run.harness
    if verb == "adopt":
        run.spec = replace(run.spec, imports=dict(harness.strays(run.spec)))
        return run
    if verb != "create":
        run.carry_out("create")
    if verb == "update":
        run.spec, _ = harness.changed(run.spec)
    elif verb == "resume":
        run.carry_out("suspend")
    elif verb == "deploy":
        run.spec = replace(run.spec, release=harness.release(2))
    elif verb == "reconcile":
        harness.vandalise(run.spec)
    return run


@contextmanager
def elsewhere() -> Iterator[None]:
    """Another time zone and language, of the process and of Django."""
    kept = {name: os.environ.get(name) for name in ("TZ", "LANG", "LC_ALL")}
    os.environ |= {"TZ": "Pacific/Kiritimati", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}
    time.tzset()
    try:
        with translation.override("de"), timezone.override("Pacific/Kiritimati"):
            yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        time.tzset()
