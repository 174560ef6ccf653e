"""What the engine does with a driver, in a few lines and without the portal: plan, run, die, resume, undo.

The order of calls is that of `provisioning/runs/apply.py`; only leases, policy and records are left out.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from typing import Any

from provisioning.digest import ChangeSubject, change_digest
from provisioning.drivers.base import Change, Driver, EnvironmentSpec, LeaseLost, Plan, Step, StepKey
from tests.contract.harness import Harness

FENCES = count(1)


class Death(BaseException):
    """A worker dies here. No driver may catch it."""


def free() -> None:
    """The guard of a worker whose lease is safe."""


def new_key(guard: Callable[[], None] = free, operation: str = "operation-1") -> StepKey:
    """A key with a newer fence than any before."""
    return StepKey(operation=operation, fence=next(FENCES), guard=guard)


@dataclass
class Guard:
    """Raises from its n-th call on, and remembers the world of that moment; `calls` counts.

    With `then` the n-th call runs that and returns: the worker slept past its lease between guard and write.
    """

    harness: Harness
    spec: EnvironmentSpec
    n: int
    error: type[BaseException] = LeaseLost
    then: Callable[[], None] | None = None
    calls: int = 0
    seen: Any = None

    def __call__(self) -> None:
        self.calls += 1
        if self.calls < self.n:
            return
        if self.calls == self.n and self.then is not None:
            self.then()
        if self.calls == self.n:
            self.seen = self.harness.fingerprint(self.spec)
        if self.calls > self.n or self.then is None:
            raise self.error("the lease is lost")


@dataclass
class Run:
    """One environment under the hands of one worker after another."""

    harness: Harness
    spec: EnvironmentSpec
    lines: list[str] = field(default_factory=list)
    results: list[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver: Driver = self.harness.make_driver()

    def new_worker(self) -> None:
        """Another worker: a driver that remembers nothing."""
        self.driver = self.harness.make_driver()

    def plan(self, verb: str) -> Plan:
        """Observe and plan. Whoever calls this discards the plan."""
        return self.driver.plan(self.spec, self.driver.observe(self.spec), verb)

    @contextmanager
    def planned(self, verb: str) -> Iterator[Plan]:
        """A plan that is discarded at the end, as the engine does."""
        driver, plan = self.driver, self.plan(verb)
        try:
            yield plan
        finally:
            driver.discard(plan)

    def left(self, verb: str) -> tuple[Change, ...]:
        """What the verb would still change."""
        with self.planned(verb) as plan:
            return plan.changes

    def steps(self, verb: str, plan: Plan) -> tuple[Step, ...]:
        return self.driver.steps(self.spec, verb, plan)

    def apply(self, step: Step, key: StepKey) -> None:
        self.results.append(step.apply(key, self.lines.append))

    def undo(self, step: Step, key: StepKey) -> None:
        if step.undo is not None:
            step.undo(key, self.lines.append)

    def carry_out(self, verb: str, key: StepKey | None = None, *, repeat: bool = False) -> Plan:
        """The whole operation: each step unless it is done already (`repeat`: even then). Returns the plan."""
        key = key or new_key()
        with self.planned(verb) as plan:
            for step in self.steps(verb, plan):
                if repeat or not step.done(self.driver.observe(self.spec)):
                    self.apply(step, key)
        self.spec = after(self.spec, verb)
        return plan

    def die_and_resume(self, verb: str, *, recorded: int, effect: bool) -> None:
        """Die when so many steps are recorded (`effect`: the next one has acted too); another worker goes on."""
        with self.planned(verb) as plan:
            stored = stored_form(plan)
            for step in self.steps(verb, plan)[: recorded + effect]:
                if not step.done(self.driver.observe(self.spec)):
                    self.apply(step, new_key())
        self.resume(verb, stored, recorded)

    def die_at_guard(self, verb: str, n: int) -> bool:
        """Die at the n-th call of the guard; another worker goes on from the record. False: there is no such call."""
        guard = Guard(self.harness, self.spec, n, Death)
        key, recorded = new_key(guard), 0
        with self.planned(verb) as plan:
            stored = stored_form(plan)
            try:
                for step in self.steps(verb, plan):
                    if not step.done(self.driver.observe(self.spec)):
                        self.apply(step, key)
                    recorded += 1
            except Death:
                pass
        if guard.calls >= n:
            self.resume(verb, stored, recorded)
        return guard.calls >= n

    def resume(self, verb: str, stored: str, recorded: int) -> None:
        """A new worker carries out what is not recorded, from the stored plan."""
        self.new_worker()
        plan, key = rebuilt(stored), new_key()
        try:
            for step in self.steps(verb, plan)[recorded:]:
                if not step.done(self.driver.observe(self.spec)):
                    self.apply(step, key)
        finally:
            self.driver.discard(plan)
        self.spec = after(self.spec, verb)


def after(spec: EnvironmentSpec, verb: str) -> EnvironmentSpec:
    """The spec as the portal tells it once an operation has ended."""
    if verb == "adopt":
        return replace(spec, imports={})
    return replace(spec, suspended={"suspend": True, "resume": False, "create": False}.get(verb, spec.suspended))


def stored_form(plan: Plan) -> str:
    """The plan as the database keeps it."""
    return json.dumps([asdict(change) for change in plan.changes])


def rebuilt(stored: str) -> Plan:
    """The plan as a worker gets it back: what lay on the first worker is gone."""
    return Plan(tuple(Change(**{**change, "unknown": tuple(change["unknown"])}) for change in json.loads(stored)))


def digest(spec: EnvironmentSpec, verb: str, plan: Plan) -> str:
    """The address of the change, as the engine computes it."""
    subject = ChangeSubject(
        kind=verb,
        environment=spec.id,
        name=spec.name,
        tier=spec.tier,
        template=spec.template,
        parameters=spec.parameters,
        release=spec.release.digest if spec.release else "",
        ttl_hours=None,
        rates={},
    )
    return change_digest(subject, plan)


def level(harness: Harness, spec: EnvironmentSpec) -> Any:
    """The fingerprint with the environment's own names levelled: two that are alike compare equal."""
    text = json.dumps(harness.fingerprint(spec), sort_keys=True)
    for alias in sorted(harness.aliases(spec), key=len, reverse=True):
        text = text.replace(json.dumps(alias)[1:-1], "~")
    return json.loads(text)
