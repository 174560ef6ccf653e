"""The sandbox driver: what it plans, observes and gives out. Steps are in steps.py, each server has its own module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from catalog.template_schema import closed
from provisioning import vault
from provisioning.drivers import base
from provisioning.drivers.base import DriverRejected, EnvironmentSpec, Plan, Step
from provisioning.drivers.sandbox import health, images, landlock
from provisioning.drivers.sandbox import plan as planning
from provisioning.drivers.sandbox.credentials import CACHE, DATABASE, secret_names
from provisioning.drivers.sandbox.names import Names
from provisioning.drivers.sandbox.steps import Steps, World, world_from_settings
from provisioning.models import Route, Workload
from provisioning.tiers import PROD_LIKE


class SandboxDriver(base.Driver):
    """Makes environments of real databases, cache users, secrets, processes and routes on one machine."""

    name = "sandbox"
    capabilities = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "reconcile"})
    template_schema: Mapping[str, Any] = closed(
        {
            "database": {"type": "boolean"},
            "cache": {"type": "boolean"},
            "workload": closed({"image": {"enum": list(images.SHIPPED)}}, "image"),
        }
    )

    def __init__(self, world: World | None = None) -> None:
        self._world = world

    @property
    def world(self) -> World:
        """The servers, looked up on first use so that planning needs no address."""
        if self._world is None:
            self._world = world_from_settings()
        return self._world

    @property
    def isolated(self) -> bool:
        """Tell whether the kernel keeps workloads apart (Landlock)."""
        return landlock.abi() > 0

    def plan(self, spec: EnvironmentSpec, observed: base.Resources, kind: str) -> Plan:
        """Return the difference to what the environment shall be after an operation of this kind."""
        workload = spec.resources.get("workload")
        if workload and kind != "destroy":
            images.module_of(workload["image"])
        if kind == "create" and spec.tier in PROD_LIKE and not self.isolated:
            raise DriverRejected("This machine cannot keep workloads apart (no Landlock): prod-like tiers are refused.")
        return planning.difference(observed, planning.wanted(spec, kind, secret_names(spec)))

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """Return the steps of an operation in order; those whose effect is there are skipped by their `done`."""
        return tuple(Steps(spec, kind, plan, self.world, self.observe).ordered())

    def observe(self, spec: EnvironmentSpec) -> base.Resources:
        """Return what exists, by address; empty when nothing is left."""
        names, world = planning.names_of(spec), self.world
        found = [*world.credentials.observe(names), *world.databases.observe(names)]
        found += [*world.caches.observe(names), *_observed_desired(names)]
        return {resource.address: resource for resource in found}

    def health(self, spec: EnvironmentSpec) -> base.Health:
        """Return whether the workload runs and whether what answers is what was deployed."""
        return health.health_of(spec, self.world.router_port)

    def secrets(self, spec: EnvironmentSpec) -> Mapping[str, int]:
        """Return the version of each secret, from Vault's metadata."""
        return self.world.credentials.versions(spec, planning.names_of(spec))

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Return addresses for people: no secret among them."""
        names = planning.names_of(spec)
        found: dict[str, str] = {}
        if spec.resources.get("workload"):
            found["url"] = f"http://{names.label}.localhost:{settings.BERTH.router_port}/"
        found["vault_path"] = f"{vault.MOUNT}/{names.vault_path}"
        if spec.resources.get(DATABASE):
            found["database"] = names.database
        if spec.resources.get(CACHE):
            found["cache_prefix"] = names.key_prefix
        return found


def _observed_desired(names: Names) -> Iterator[base.Resource]:
    workload = Workload.objects.filter(pk=names.pk).first()
    if workload is not None and (workload.desired, workload.observed) != ("absent", "absent"):
        current = workload.observed_generation >= workload.generation
        facts = {"image": workload.image, "parameters": workload.parameters, "release": workload.release}
        state = workload.observed if current else "changing"
        yield base.Resource("workload.process", {**facts, "state": state, "port": workload.port})
    route = Route.objects.filter(pk=names.pk).first()
    if route is not None and not (route.state == "absent" and route.observed_generation >= route.generation):
        current = route.observed_generation >= route.generation
        yield base.Resource("router.route", {"host": route.host, "state": route.state if current else "changing"})
