"""Everything an environment shall consist of in its cluster, in the order of writing. No write, no cluster here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provisioning import vault
from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.kubernetes import charts, kustomize, manifests, rollout, sleep
from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.names import address_of
from provisioning.drivers.kubernetes.rollout import Live
from provisioning.drivers.kubernetes.substitute import fill, scope_of
from provisioning.drivers.kubernetes.surroundings import namespace_object, secret_references, surroundings


def wanted(spec: EnvironmentSpec, namespace: str, live: Live) -> dict[str, Object]:
    """Every object by address. `live` decides between slots of a rollout and what a sleeping workload remembers."""
    scope = scope_of(spec, namespace)
    around = fill(dict(spec.resources.get("namespace") or {}), scope)
    objects = [namespace_object(spec, namespace), *surroundings(spec, namespace, around)]
    objects += rollout.arranged(_workloads(spec, namespace, scope), spec, live)
    by = (spec.resources.get("secrets") or {}).get("by", "external-secrets")
    if by == "external-secrets":
        objects += secret_references(spec, namespace)
    if spec.suspended:
        objects = [sleep.asleep(body, live.get((body["kind"], body["metadata"]["name"]))) for body in objects]
    found: dict[str, Object] = {}
    for body in manifests.in_order(objects):
        if found.setdefault(address_of(body), body) is not body:
            raise DriverRejected(f"The template makes {address_of(body)} twice.")
    return found


def _workloads(spec: EnvironmentSpec, namespace: str, scope: Mapping[str, Any]) -> list[Object]:
    found = []
    for body in _given(spec, namespace, scope):
        manifests.refuse_unfit(body, namespace)
        found.append(manifests.placed(body, spec, namespace))
    found = rollout.with_release(found, spec)
    secrets = spec.resources.get("secrets") or {}
    if secrets.get("by") != "vault-agent" or not spec.secrets:
        return found
    role = str(fill(secrets.get("role", "${environment.namespace}"), scope))
    return [
        manifests.with_agent(body, spec.secrets, mount=vault.MOUNT, role=role) if manifests.has_pods(body) else body
        for body in found
    ]


def _given(spec: EnvironmentSpec, namespace: str, scope: Mapping[str, Any]) -> Iterator[Object]:
    resources = spec.resources
    for entry in resources.get("manifests") or []:
        if "manifest" not in entry:
            yield fill(entry, scope)
        elif all(spec.parameters.get(name) == value for name, value in entry["when"].items()):
            yield fill(entry["manifest"], scope)
    if chart := resources.get("helm"):
        values = fill(chart.get("values") or {}, scope)
        yield from charts.render({**chart, "values": values}, name=chart.get("name", spec.name), namespace=namespace)
    if overlay := resources.get("kustomize"):
        yield from fill(kustomize.build(overlay), scope)
