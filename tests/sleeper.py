"""A worker in a process of its own that is stopped by SIGSTOP between a guard and its write, time and again.

`Sleeper` is the end of a test; run as a program, this is the other one: a line of JSON asks for the steps of a verb (or
their undoing) and the guard to be stopped at, a line tells how it ended. For tests of drivers without the engine.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from provisioning.drivers.base import (
    Change,
    DriverError,
    EnvironmentSpec,
    LeaseLost,
    Plan,
    ReleaseSpec,
    SecretSpec,
    StepKey,
    TargetSpec,
)
from tests.processes import ROOT, wait_until


class Sleeper:
    """A worker that carries out one piece of work after the other. `maker` is `module:callable` of its driver."""

    def __init__(self, child: Popen[str], maker: str, arguments: tuple[str, ...]) -> None:
        self.child, self.pid, self._made = child, child.pid, {"maker": maker, "arguments": arguments}

    def falls_asleep(
        self, spec: EnvironmentSpec, verb: str, plan: Plan, key: StepKey, at: str, *, nth: int = 1, undo: bool = False
    ) -> bool:
        """Begin, and be stopped at the nth guard that the function `at` asks. False: it ended before."""
        parts = {"spec": asdict(spec), "plan": asdict(plan), "verb": verb, "undo": undo}
        asked = {**self._made, **parts, "operation": key.operation, "fence": key.fence, "at": at, "nth": nth}
        assert self.child.stdin
        self.child.stdin.write(json.dumps(asked, default=list) + "\n")
        self.child.stdin.flush()
        wait_until(lambda: self._is_stopped() or self._has_answered(), 60)
        return self._is_stopped()

    def goes_on(self) -> str:
        """Continue it; how it ended: `done`, or the name of the error."""
        if self._is_stopped():
            os.kill(self.pid, signal.SIGCONT)
        assert self.child.stdout
        return self.child.stdout.readline().strip()

    def _is_stopped(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def _has_answered(self) -> bool:
        return bool(select.select([self.child.stdout], [], [], 0)[0])


@contextmanager
def sleeper(maker: str, *arguments: str, **env: str) -> Iterator[Sleeper]:
    """One process for many stops, killed at the end."""
    command = [sys.executable, "-m", "tests.sleeper"]
    child = Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True, env={**os.environ, **env})
    try:
        yield Sleeper(child, maker, arguments)
    finally:
        child.kill()
        child.wait()


def main() -> None:
    """Answer until the other end is closed."""
    import django

    django.setup()
    for line in sys.stdin:
        print(_carried_out(json.loads(line)), flush=True)


def _carried_out(asked: dict[str, Any]) -> str:
    module, _, name = asked["maker"].partition(":")
    steps = getattr(import_module(module), name)(*asked["arguments"]).steps(
        _spec(asked["spec"]), asked["verb"], _plan(asked["plan"])
    )
    key = StepKey(asked["operation"], asked["fence"], _guard(asked["at"], asked["nth"]))
    try:
        for step in reversed(steps) if asked["undo"] else steps:
            act = step.undo if asked["undo"] else step.apply
            if act is not None:
                act(key, lambda _line: None)
    except DriverError as error:
        return type(error).__name__
    return "done"


def _guard(at: str, nth: int) -> Callable[[], None]:
    """Holds until it has stopped the process once; then the lease is lost, as the engine would tell."""
    asked = 0

    def guard() -> None:
        nonlocal asked
        if asked >= nth:
            raise LeaseLost("another worker has it")
        asked += sys._getframe(1).f_code.co_name == at
        if asked == nth:
            os.kill(os.getpid(), signal.SIGSTOP)

    return guard


def _spec(fields: dict[str, Any]) -> EnvironmentSpec:
    release, target = fields["release"], fields["target"]
    return EnvironmentSpec(
        **{
            **fields,
            "release": ReleaseSpec(**release) if release else None,
            "target": TargetSpec(**target) if target else None,
            "secrets": tuple(SecretSpec(**each) for each in fields["secrets"]),
        }
    )


def _plan(fields: dict[str, Any]) -> Plan:
    changes = tuple(Change(**{**each, "unknown": tuple(each["unknown"])}) for each in fields["changes"])
    return Plan(**{**fields, "changes": changes})


if __name__ == "__main__":
    main()
