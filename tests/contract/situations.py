"""The situations that cases begin in: an environment in which a verb has something to do, and another corner of the
world to plan in. No case is in here."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.utils import timezone, translation

from tests.contract.carrying import Run

VERBS = ("create", "update", "suspend", "resume", "destroy", "deploy", "adopt", "reconcile")


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
