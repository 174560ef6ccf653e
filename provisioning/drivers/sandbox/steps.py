"""The steps of each operation on a sandbox environment, in order, with what undoes them and how to see them done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from provisioning import vault
from provisioning.drivers import base
from provisioning.drivers.base import DriverUnavailable, EnvironmentSpec, Log, Plan, Step, StepKey
from provisioning.drivers.sandbox import desired
from provisioning.drivers.sandbox import plan as planning
from provisioning.drivers.sandbox.answering import ask
from provisioning.drivers.sandbox.cache import Caches
from provisioning.drivers.sandbox.credentials import CACHE, DATABASE, Credentials, secret_names
from provisioning.drivers.sandbox.database import Databases
from provisioning.drivers.sandbox.names import Names
from provisioning.models import Workload

_WAIT_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True)
class World:
    """The real servers of one sandbox, and the port of its router."""

    databases: Databases
    caches: Caches
    credentials: Credentials
    router_port: int


def world_from_settings() -> World:
    """Return the installation's own sandbox."""
    berth = settings.BERTH
    databases, caches = Databases(berth.sandbox_database_url), Caches(berth.sandbox_redis_url)
    credentials = Credentials(vault.from_settings(), databases, caches)
    return World(databases, caches, credentials, berth.router_port)


class Steps:
    """Builds the steps of one operation on one environment."""

    def __init__(
        self,
        spec: EnvironmentSpec,
        kind: str,
        plan: Plan,
        world: World,
        observe: Callable[[EnvironmentSpec], base.Resources],
    ) -> None:
        self.spec, self.kind, self.plan, self.world, self.observe = spec, kind, plan, world, observe
        self.names = planning.names_of(spec)
        # The locked plan is what was signed: where it says something, it counts, not the record of today.
        planned = {change.address: change.after for change in plan.changes if change.after is not None}
        self.target = {**planning.wanted(spec, kind, secret_names(spec)), **planned}
        self.suspended = planning.is_suspended_after(spec, kind)
        self.whole = kind in {"create", "reconcile"}

    def ordered(self) -> Iterator[Step]:
        if self.kind == "destroy":
            yield from self._destroy()
            return
        if self.kind == "reconcile":
            yield from self._strays()
        present = [step for step, address in self._all() if address in self.target]
        yield from reversed(present) if self.suspended and self.kind == "suspend" else present
        if "router.route" in self.target and not self.suspended:
            yield Step("verify", "Check that the environment answers", 12, self._verify, None, _never)

    def _all(self) -> Iterator[tuple[Step, str]]:
        creating = self.kind == "create"
        if self.kind in {"create", "update", "reconcile"}:
            yield self._credentials(creating), "vault.policy"
        if self.kind in {"create", "suspend", "resume", "reconcile"}:
            yield self._database(creating), "postgres.database"
            yield self._cache(creating), "valkey.user"
        yield self._workload(creating), "workload.process"
        yield self._route(creating), "router.route"

    def _credentials(self, creating: bool) -> Step:
        def apply(key: StepKey, log: Log) -> dict[str, Any]:
            self.world.credentials.create(self.spec, self.names, key)
            log(f"Credentials stand at {vault.MOUNT}/{self.names.vault_path}")
            return {"path": self.names.vault_path}

        undo = self._undo(self.world.credentials.drop) if creating else None
        done = self._is_reached("vault.policy", "vault.approle", "vault.path")
        return Step("credentials", "Write credentials to Vault", 10, apply, undo, done)

    def _database(self, creating: bool) -> Step:
        databases, names = self.world.databases, self.names

        def apply(key: StepKey, log: Log) -> dict[str, Any]:
            if self.whole:
                databases.create(names, self.world.credentials.password(names, DATABASE), key)
            if self.suspended:
                databases.suspend(names, key)
            elif not self.whole:
                databases.resume(names, key)
            log(f"Database {names.database} is {self.target['postgres.database']['state']}")
            return {"database": names.database}

        title = {"create": "Create the database", "suspend": "Close the database"}.get(self.kind, "Open the database")
        undo = self._undo(databases.drop) if creating else None
        return Step("database", title, 10, apply, undo, self._is_reached("postgres.role", "postgres.database"))

    def _cache(self, creating: bool) -> Step:
        caches, names = self.world.caches, self.names

        def apply(key: StepKey, log: Log) -> dict[str, Any]:
            if self.whole:
                caches.create(names, self.world.credentials.password(names, CACHE), key)
            if self.suspended:
                caches.suspend(names, key)
            elif not self.whole:
                caches.resume(names, key)
            log(f"Cache user {names.short} is {self.target['valkey.user']['state']}")
            return {"user": names.short}

        title = {"create": "Create the cache user", "suspend": "Lock the cache user"}.get(
            self.kind, "Unlock the cache user"
        )
        undo = self._undo(caches.drop) if creating else None
        return Step("cache", title, 10, apply, undo, self._is_reached("valkey.user"))

    def _workload(self, creating: bool) -> Step:
        def apply(key: StepKey, log: Log) -> dict[str, Any]:
            process = _process_of(self.target["workload.process"])
            if self.suspended:
                desired.prepare(self.names, process, key, limit_s=_WAIT_S)
                log("The workload is stopped")
                return {}
            port = desired.run(self.names, process, key, limit_s=_WAIT_S)
            log(f"The workload {process.image} is ready on port {port}")
            return {"port": port}

        undo = self._undo_workload(creating)
        title = "Stop the workload" if self.suspended else "Start the workload"
        return Step("workload", title, _WAIT_S + 2, apply, undo, self._is_reached("workload.process"))

    def _undo_workload(self, creating: bool) -> Callable[[StepKey, Log], None] | None:
        """After a failed create nothing may be left; after a failed deploy the process before runs again."""
        if creating:
            return lambda key, _log: desired.stop(self.names, key, limit_s=_WAIT_S, desired="absent")
        before = next((c.before for c in self.plan.changes if c.address == "workload.process"), None)
        if before is None or self.kind not in {"deploy", "update"} or before["state"] != "running":
            return None

        def undo(key: StepKey, log: Log) -> None:
            desired.run(self.names, _process_of(before), key, limit_s=_WAIT_S)
            log("The workload before runs again")

        return undo

    def _route(self, creating: bool) -> Step:
        def apply(key: StepKey, log: Log) -> dict[str, Any]:
            state = str(self.target["router.route"]["state"])
            port = Workload.objects.values_list("port", flat=True).get(pk=self.names.pk)
            desired.serve(self.names, port, key, limit_s=_WAIT_S, state=state)
            log(f"The router {'serves' if state == 'serve' else 'announces as suspended'} {self.names.label}")
            return {"host": self.names.label}

        def undo(key: StepKey, _log: Log) -> None:
            desired.forget(self.names, key, limit_s=_WAIT_S)

        title = "Announce the suspension" if self.suspended else "Route requests to the workload"
        done = self._is_reached("router.route")
        return Step("route", title, _WAIT_S + 2, apply, undo if creating else None, done)

    def _strays(self) -> Iterator[Step]:
        """What stands although nothing of its kind is wanted is removed first."""
        unwanted = {change.address.partition(".")[0] for change in self.plan.changes if change.action == "destroy"}
        wanted = {address.partition(".")[0] for address in self.target}
        for step, prefix in self._removals():
            if prefix in unwanted - wanted:
                yield step

    def _destroy(self) -> Iterator[Step]:
        yield from (step for step, _prefix in self._removals())
        yield Step("proof", "Prove that nothing is left", 10, self._prove_empty, None, _never)

    def _removals(self) -> Iterator[tuple[Step, str]]:
        names, world = self.names, self.world

        def stop(key: StepKey, _log: Log) -> None:
            desired.stop(names, key, limit_s=_WAIT_S, desired="absent")

        def forget(key: StepKey, _log: Log) -> None:
            desired.forget(names, key, limit_s=_WAIT_S)

        yield _removal("route", "Remove the route", forget, "router."), "router"
        yield _removal("workload", "Stop and remove the workload", stop, "workload."), "workload"
        yield (
            _removal("cache", "Remove the cache user and its keys", self._undo(world.caches.drop), "valkey."),
            "valkey",
        )
        yield _removal("database", "Remove the database", self._undo(world.databases.drop), "postgres."), "postgres"
        yield _removal("credentials", "Remove the secrets", self._undo(world.credentials.drop), "vault."), "vault"

    def _prove_empty(self, _key: StepKey, log: Log) -> dict[str, Any]:
        left = sorted(self.observe(self.spec))
        if left:
            raise DriverUnavailable(f"still there: {', '.join(left)}")
        log("Nothing is left of the environment")
        return {"left": []}

    def _verify(self, _key: StepKey, log: Log) -> dict[str, Any]:
        """Ask through the router, as any other program would, until the wanted release answers."""
        expected = {"environment": self.names.label, "release": planning.release_of(self.spec)}
        end = time.monotonic() + _WAIT_S
        while True:
            answer = ask(self.world.router_port, f"{self.names.label}.localhost")
            if {name: answer.get(name) for name in expected} == expected:
                log(f"{self.names.label} answers with {_named(self.spec)}")
                return {"answered": expected}
            if time.monotonic() > end:
                raise DriverUnavailable("the environment does not answer as expected through the router")
            time.sleep(_POLL_S)

    def _undo(self, drop: Callable[[Names, StepKey], None]) -> Callable[[StepKey, Log], None]:
        return lambda key, _log: drop(self.names, key)

    def _is_reached(self, *addresses: str) -> Callable[[base.Resources], bool]:
        wanted = {address: self.target[address] for address in addresses if address in self.target}
        return lambda observed: all(
            address in observed and all(observed[address].state.get(k) == v for k, v in state.items())
            for address, state in wanted.items()
        )


def _removal(name: str, title: str, remove: Callable[[StepKey, Log], None], prefix: str) -> Step:
    def apply(key: StepKey, log: Log) -> dict[str, Any]:
        remove(key, log)
        log(f"{title}: done")
        return {}

    def done(observed: base.Resources) -> bool:
        return not any(address.startswith(prefix) for address in observed)

    return Step(name, title, 10, apply, None, done)


def _named(spec: EnvironmentSpec) -> str:
    return f"release {spec.release.version}" if spec.release else "no release yet"


def _process_of(state: Mapping[str, Any]) -> desired.Process:
    return desired.Process(state["image"], state["parameters"], state["release"])


def _never(_observed: base.Resources) -> bool:
    return False
