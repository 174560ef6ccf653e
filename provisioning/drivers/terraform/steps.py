"""The steps of an operation on a module: secrets for its variables, the apply, and what it gives back.

Each observes before it acts. The apply uses exactly the plan file that was compared; where that is gone or stale, it
plans again and refuses whatever the locked plan does not hold.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from provisioning.drivers.base import (
    DriverRejected,
    EnvironmentSpec,
    Log,
    Plan,
    ReleaseSpec,
    Resources,
    Step,
    StepKey,
)
from provisioning.drivers.terraform import changes as reading
from provisioning.drivers.terraform import module as modules
from provisioning.drivers.terraform import outputs, planning, state, variables
from provisioning.drivers.terraform.messages import StalePlan
from provisioning.drivers.terraform.outputs import ADDRESS, Shelf
from provisioning.drivers.terraform.process import GRACE_S, Watch
from provisioning.drivers.terraform.runs import Run
from provisioning.vault import Vault

LIMIT_MINUTES = 30
MINUTE_S = 60.0
SHORT_S = 30.0
TRIES = 3
Read = Callable[[EnvironmentSpec], Mapping[str, Any]]


class Steps:
    """Builds the steps of one operation on one environment."""

    def __init__(self, spec: EnvironmentSpec, kind: str, plan: Plan, vault: Vault, read: Read) -> None:
        self.spec, self.kind, self.plan, self.vault, self.read = spec, kind, plan, vault, read
        self.shelf = Shelf(spec, vault)
        self.limit_s = MINUTE_S * int(spec.resources.get("limit_minutes", LIMIT_MINUTES))
        self.resources = tuple(change for change in plan.changes if change.address != ADDRESS)
        self.has_secrets = any(change.address == ADDRESS for change in plan.changes)

    def ordered(self) -> Iterator[Step]:
        if self.kind == "destroy":
            yield self._step("destroy", "Destroy the resources", self._apply, None, _only_secrets)
            yield Step("secrets", "Remove the secrets", SHORT_S, self._drop, None, _without(ADDRESS))
            return
        creating = self.kind == "create"
        if self.has_secrets:
            undo = self._undrop if creating else None
            yield Step("secrets", "Write generated secrets to Vault", SHORT_S, self._make, undo, _never)
        undo = {"create": self._destroy, "adopt": self._forget, "reconcile": None}.get(self.kind, self._go_back)
        yield self._step("apply", "Apply the plan", self._apply_and_put, undo, _never)

    def _step(self, name: str, title: str, apply: Any, undo: Any, done: Any) -> Step:
        return Step(name, title, self.limit_s + 3 * GRACE_S, apply, undo, done)

    def _watch(self, key: StepKey) -> Watch:
        return Watch(self.limit_s, key.guard, key.stopping, writes=True)

    def _apply_and_put(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        """The apply sees for itself what is done: a plan that is gone or stale is made again."""
        by = state.Fenced(key.operation, key.fence)
        state.settle(self.spec.id, by, tag=self._tag(key), inputs=self._given())
        told = self._apply(key, log)
        if self.kind == "adopt":
            return told
        return {**told, "secrets": self.shelf.put(self.read(self.spec), key, log)}

    def _apply(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        by = state.Fenced(key.operation, key.fence)
        key.guard()
        if self.plan.artifact and Path(self.plan.artifact).is_dir():
            run = Run(self.spec, modules.of(self.spec.resources), Path(self.plan.artifact), self.vault, log)
            try:
                return _told(run.apply(by, self._watch(key)))
            except StalePlan:
                log("The state changed after the plan was made; planning again")
        return self._apply_again(key, log)

    def _apply_again(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        """Plan anew and apply what is left of the locked plan, and nothing else."""
        for _ in range(TRIES):
            key.guard()
            made = planning.make(self.spec, self.kind, self.vault, log=log, watch=self._watch(key))
            try:
                left = [change for change in made.changes if change.address != ADDRESS]
                foreign = reading.outside(self.resources, left)
                if foreign:
                    raise DriverRejected(f"These are not in the plan that was agreed: {', '.join(foreign[:8])}.")
                if not left:
                    return _told({})
                return _told(made.run.apply(state.Fenced(key.operation, key.fence), self._watch(key)))
            except StalePlan:
                log("The state changed again; planning once more")
            finally:
                made.run.close()
        raise DriverRejected("The state is changed by somebody else all the time; nothing more was done.")

    def _destroy(self, key: StepKey, log: Log) -> None:
        """Undo a creation: whatever the state holds was made by it."""
        given_back = outputs.sensitive(self.read(self.spec))
        self._plain(key, log, spec=self.spec, kind="destroy", words="Removing what was made")
        self.shelf.remove(given_back, key)

    def _go_back(self, key: StepKey, log: Log) -> None:
        """Undo a change: apply what the apply before this one was given, if this one was begun."""
        given = state.before(self.spec.id, tag=self._tag(key))
        if given is None:
            return
        if not given:
            raise DriverRejected("What stood before is not known, so it cannot be brought back. Reconcile, or retry.")
        spec = _spec_of(self.spec, given)
        self._plain(key, log, spec=spec, kind="reconcile", words="Bringing back what stood before")
        self.shelf.put(self.read(spec), key, log)
        state.go_back(self.spec.id, state.Fenced(key.operation, key.fence), tag=self._tag(key))

    def _forget(self, key: StepKey, log: Log) -> None:
        """Undo an adoption: the resources stay, the state forgets them."""
        known = {change.address for change in self.resources} & set(outputs.addresses(self.read(self.spec)))
        if known:
            key.guard()
            planning.forget(self.spec, sorted(known), self.vault, key=key, log=log)

    def _tag(self, key: StepKey) -> str:
        return f"{self.kind} {key.operation}"

    def _given(self) -> dict[str, Any]:
        """What this apply is given, without any secret: enough to plan the same again."""
        release = self.spec.release
        return {
            "parameters": dict(self.spec.parameters),
            "resources": dict(self.spec.resources),
            "release": vars(release) if release else None,
            "suspended": variables.is_suspended_after(self.spec, self.kind),
        }

    def _plain(self, key: StepKey, log: Log, *, spec: EnvironmentSpec, kind: str, words: str) -> None:
        key.guard()
        log(words)
        made = planning.make(spec, kind, self.vault, log=log, watch=Watch(self.limit_s, key.guard))
        try:
            if any(change.address != ADDRESS for change in made.changes):
                made.run.apply(state.Fenced(key.operation, key.fence), Watch(self.limit_s, key.guard, writes=True))
        finally:
            made.run.close()

    def _make(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        values = variables.values_of(self.spec, modules.of(self.spec.resources), self.kind, self.vault)
        self.shelf.make(values, key)
        return {"written": len(values.made)}

    def _drop(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        self.shelf.drop(key)
        log("The secrets are removed")
        return {}

    def _undrop(self, key: StepKey, log: Log) -> None:
        self._drop(key, log)


def _spec_of(spec: EnvironmentSpec, given: Mapping[str, Any]) -> EnvironmentSpec:
    return replace(
        spec,
        parameters=given["parameters"],
        resources=given["resources"],
        release=ReleaseSpec(**given["release"]) if given["release"] else None,
        suspended=bool(given["suspended"]),
        imports={},
    )


def _told(finished: Mapping[str, float]) -> dict[str, Any]:
    return {"resources": len(finished), "seconds": {name: int(took) for name, took in sorted(finished.items())[:50]}}


def _only_secrets(observed: Resources) -> bool:
    return not set(observed) - {ADDRESS}


def _without(address: str) -> Any:
    return lambda observed: address not in observed


def _never(_observed: Resources) -> bool:
    return False
