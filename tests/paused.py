"""A worker stopped by SIGSTOP exactly before an external write, and the proof that it writes nothing that stays.

`PausedDriver` wraps the driver that BERTH_PAUSED_DRIVER names (`module:Class`). A file `stop-<verb>-<step>-<n>` in
BERTH_PAUSED_DIR stops the process once, after the guard before the n-th write of that step and before the write itself;
`stopped` then holds its process id. A file `fail-<verb>-<step>` lets that step fail after its work. `proof` is for the
tests of every driver.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from audit.models import AuditEvent
from provisioning.drivers.base import DriverRejected, EnvironmentSpec, Log, Plan, Step, StepKey
from provisioning.drivers.registry import driver
from provisioning.models import Environment, Operation, OperationStep, Orphan, Recheck
from provisioning.runs import recheck
from provisioning.specs import spec_of
from tests.processes import looping_worker, wait_until
from tests.provisioning.engine import ask, requested

GONE_WITHIN_S = 60.0
AFTERWARDS = {
    "create": "destroy",
    "suspend": "resume",
    "resume": "suspend",
    "update": "update",
    "deploy": "deploy",
    "reconcile": "",
    "destroy": "",
}


def _place() -> Path:
    return Path(os.environ["BERTH_PAUSED_DIR"])


class PausedDriver:
    """Every call goes to the driver inside; keys are watched."""

    def __init__(self) -> None:
        module, _, attribute = os.environ["BERTH_PAUSED_DRIVER"].partition(":")
        self._inner = getattr(import_module(module), attribute)()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        return tuple(_watched(step, kind) for step in self._inner.steps(spec, kind, plan))


def _watched(step: Step, verb: str) -> Step:
    def watched(act: Callable[[StepKey, Log], Any], word: str) -> Callable[[StepKey, Log], Any]:
        def done(key: StepKey, log: Log) -> Any:
            told = act(_counting(key, f"{word}-{step.name}"), log)
            if (_place() / f"fail-{word}-{step.name}").exists():
                raise DriverRejected("It fails because somebody wished it.")
            return told

        return done

    undo = watched(step.undo, "undo") if step.undo is not None else None
    return replace(step, apply=watched(step.apply, verb), undo=undo)


def _counting(key: StepKey, name: str) -> StepKey:
    writes = 0

    def guard() -> None:
        nonlocal writes
        key.guard()
        writes += 1
        wish = _place() / f"stop-{name}-{writes}"
        if wish.exists():
            wish.unlink()
            (_place() / "stopping").write_text(str(os.getpid()))
            (_place() / "stopping").rename(_place() / "stopped")
            os.kill(os.getpid(), signal.SIGSTOP)

    return replace(key, guard=guard)


@dataclass(frozen=True)
class Stage:
    """Where proofs take place: the people, the directory of wishes, and what is asked of a new environment.

    `arguments` are those of a change and of the one that goes back, for the verbs that have any.
    """

    demo: Any
    place: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    arguments: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)

    def asked(self, verb: str, environment: Environment, *, back: bool = False) -> Operation:
        """Ask for the verb, or for the one that goes back after it."""
        arguments = self.arguments.get(verb, ({}, {}))[back]
        return ask(self.demo, environment, AFTERWARDS[verb] if back else verb, arguments=arguments)


@contextmanager
def two_workers(**env: str) -> Iterator[None]:
    """Whoever of the two takes up an operation with a wish is stopped, and the other one goes on."""
    with looping_worker(**env), looping_worker(**env):
        yield


def proof(stage: Stage, *, verb: str, step: str, write: int = 1, environment: Environment | None = None) -> Environment:
    """Stop a worker before this write, let another one finish and do the opposite, let the first go on: nothing.

    `verb` is one of AFTERWARDS; `environment` what it starts from, made when it is absent. Needs `two_workers`.
    Asserts: no record by the stopped worker after it went on, and within 60 s the world is exactly as recorded and the
    ledger empty. Returns the environment as it is then.
    """
    environment = environment or _prepared(stage, verb)
    (stage.place / f"stop-{verb}-{step}-{write}").touch()
    operation = _asked(stage, verb, environment)
    pid = _stopped(stage)
    try:
        _ended(operation)
        if AFTERWARDS[verb]:
            _ended(stage.asked(verb, _fresh(operation), back=True))
        before = _records(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
    began = time.monotonic()
    wait_until(lambda: _went_on(operation), 30)
    wait_until(lambda: _is_as_recorded(_fresh(operation)), GONE_WITHIN_S - (time.monotonic() - began))
    assert [row for row in _records(pid) if row[2] == operation.ref] == [r for r in before if r[2] == operation.ref]
    _exact(operation)
    return _fresh(operation)


def _prepared(stage: Stage, verb: str) -> Environment | None:
    """What the verb starts from."""
    if verb == "create":
        return None
    made = _ended(requested(stage.demo, **stage.changes))
    if verb == "resume":
        _ended(ask(stage.demo, made.environment, "suspend"))
    return _fresh(made)


def _asked(stage: Stage, verb: str, environment: Environment | None) -> Operation:
    if environment is None:
        return requested(stage.demo, **stage.changes)
    return stage.asked(verb, environment)


def proof_of_undo(stage: Stage, *, step: str, write: int = 1, failing: str = "verify") -> Environment:
    """Stop a worker before this write of undoing a create whose step `failing` failed, let another one finish.

    Needs `two_workers`. Asserts the same as `proof`, of an operation that was rolled back.
    """
    (stage.place / f"fail-create-{failing}").touch()
    (stage.place / f"stop-undo-{step}-{write}").touch()
    operation = requested(stage.demo, **stage.changes)
    pid = _stopped(stage)
    try:
        _ended(operation, "rolled_back")
        before = _records(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: _went_on(operation), 30)
    wait_until(lambda: _is_as_recorded(_fresh(operation)), GONE_WITHIN_S)
    assert [row for row in _records(pid) if row[2] == operation.ref] == [r for r in before if r[2] == operation.ref]
    assert AuditEvent.objects.filter(event="operation.rolled_back", object=operation.ref).count() == 1
    return _fresh(operation)


def _stopped(stage: Stage) -> int:
    """The worker that stopped itself."""
    file = stage.place / "stopped"
    wait_until(file.exists, 30)
    pid = int(file.read_text())
    file.unlink()
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", 5)
    return pid


def _ended(operation: Operation, status: str = "succeeded") -> Operation:
    def ended() -> bool:
        operation.refresh_from_db()
        return operation.finished_at is not None

    wait_until(ended, 60)
    assert operation.status == status, (operation.status, operation.error, operation.blocked)
    return operation


def _fresh(operation: Operation) -> Environment:
    rows = Environment.objects.select_related("service__team", "team", "owner", "target", "template_version__template")
    return rows.get(pk=operation.environment_id)


def _records(pid: int) -> list[tuple[int, str, str]]:
    """What the history says that this worker did."""
    rows = AuditEvent.objects.filter(actor__startswith="worker:", actor__endswith=f":{pid}").order_by("id")
    return list(rows.values_list("id", "event", "object"))


def _went_on(operation: Operation) -> bool:
    """The worker that was stopped has noticed that it lost the operation."""
    return operation.log.filter(line__startswith="This worker lost the operation").exists()


def _is_as_recorded(environment: Environment) -> bool:
    if Recheck.objects.exists() or Orphan.objects.filter(removed_at=None).exists():
        return False
    if environment.status == "destroyed":
        return not driver(environment.driver).observe(spec_of(environment))
    return environment.status in {"ready", "suspended"} and not recheck.look(environment).changes


def _exact(operation: Operation) -> None:
    """One success, each step recorded once, nothing active."""
    operation.refresh_from_db()
    assert operation.status == "succeeded"
    assert AuditEvent.objects.filter(event="operation.succeeded", object=operation.ref).count() == 1
    rows = OperationStep.objects.filter(operation=operation)
    assert {row.status for row in rows} == {"done"}, [(row.name, row.status) for row in rows]
