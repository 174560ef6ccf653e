"""The Kubernetes driver as the engine sees it: what it can, plans, observes and gives out. The work is beside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from provisioning import vault
from provisioning.drivers import base
from provisioning.drivers.base import (
    DriverRejected,
    EnvironmentSpec,
    Health,
    Plan,
    Resource,
    Step,
    TargetSpec,
)
from provisioning.drivers.kubernetes import schema, waiting
from provisioning.drivers.kubernetes.connect import Connections, check, hashed
from provisioning.drivers.kubernetes.existing import existing
from provisioning.drivers.kubernetes.objects import Cleaner
from provisioning.drivers.kubernetes.plan import VERBS, Planner
from provisioning.drivers.kubernetes.steps import Steps
from provisioning.drivers.kubernetes.substitute import fill, scope_of
from provisioning.drivers.kubernetes.view import look, place


class KubernetesDriver(base.Driver):
    """Makes environments as namespaces of registered clusters."""

    name = "kubernetes"
    capabilities = VERBS
    template_schema: Mapping[str, Any] = schema.TEMPLATE_SCHEMA
    target_schema: Mapping[str, Any] = schema.TARGET_SCHEMA

    def __init__(self, connections: Connections | None = None) -> None:
        self._connections = connections or Connections()
        self._clean = Cleaner(hashed)

    def plan(self, spec: EnvironmentSpec, observed: base.Resources, kind: str) -> Plan:
        """Return what the verb would change, as the cluster's own dry run tells it."""
        if kind not in VERBS:
            raise DriverRejected(f"The kubernetes driver does not know the operation {kind!r}.")
        api = self._connections.of(spec)
        return Planner(api, self._clean, spec, place(api, spec)).plan(observed, kind)

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """Return the steps of an operation in order; asks the cluster nothing."""
        api = partial(self._connections.of, spec)
        return Steps(api, self._clean, spec, plan, self.observe).of(kind)

    def observe(self, spec: EnvironmentSpec) -> base.Resources:
        """Return every object of the environment, by address, without status and server noise."""
        found = look(self._connections.of(spec), spec).live
        return {address: Resource(address, self._clean(live)) for address, live in sorted(found.items())}

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Return the template's own addresses and the namespace."""
        found = place(self._connections.of(spec), spec)
        own = fill(dict(spec.resources.get("outputs") or {}), scope_of(spec, found.namespace))
        return {**{name: str(value) for name, value in own.items()}, "namespace": found.namespace}

    def secrets(self, spec: EnvironmentSpec) -> Mapping[str, int]:
        """Return the version of each secret that stands in Vault."""
        return vault.from_settings().kv_versions({secret.name: secret.path for secret in spec.secrets})

    def problems(self, resources: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what keeps a template from working here."""
        return schema.problems(resources)

    def health(self, spec: EnvironmentSpec) -> Health:
        """Return how the workloads are, and which releases their pods run."""
        return waiting.health_of(self._connections.of(spec), spec)

    def inventory(self, target: TargetSpec) -> list[base.Existing]:
        """Return the namespaces that are no environment's, with the workloads and services in them."""
        return existing(self._connections.to(target))

    def check(self, target: TargetSpec) -> str:
        """Return the cluster's version and that our account may do what it must."""
        return check(self._connections.to(target), target.name)
