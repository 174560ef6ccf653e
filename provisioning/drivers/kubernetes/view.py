"""What stands in the cluster of one environment: its namespace and every object with its label. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.kubernetes.api import Api, Object
from provisioning.drivers.kubernetes.names import ENVIRONMENT, KINDS, address_of, namespace_of
from provisioning.drivers.kubernetes.rollout import Live

# Looked for in every environment, also when a stranger removed the namespace's own list.
_ALWAYS = (
    "v1/ResourceQuota",
    "v1/LimitRange",
    "v1/ServiceAccount",
    "v1/ConfigMap",
    "v1/Service",
    "networking.k8s.io/v1/NetworkPolicy",
    "rbac.authorization.k8s.io/v1/RoleBinding",
    "apps/v1/Deployment",
)


@dataclass(frozen=True)
class View:
    """One look at an environment. `foreign`: a namespace of its name is there, but not its own."""

    namespace: str
    space: Object | None
    objects: Mapping[str, Object]
    foreign: bool = False

    @property
    def live(self) -> dict[str, Object]:
        """Every object by address, the namespace included; empty when the environment is not there."""
        space = {} if self.space is None else {address_of(self.space): self.space}
        return {**space, **self.objects}

    @property
    def is_ending(self) -> bool:
        """Whether the namespace is being removed."""
        return self.space is not None and "deletionTimestamp" in self.space["metadata"]


def look(api: Api, spec: EnvironmentSpec) -> View:
    """Find the environment's namespace, by name or by label, and everything in it that is the environment's."""
    found = place(api, spec)
    if found.space is None:
        return found
    return replace(found, objects=_objects(api, spec, found.namespace, kinds_of(found.space)))


def place(api: Api, spec: EnvironmentSpec) -> View:
    """The environment's namespace without what is in it."""
    space, name = find(api, spec), namespace_of(spec)
    if space is None:
        return View(name, None, {})
    if labelled(space) != spec.id:
        return View(name, None, {}, foreign=True)
    return View(space["metadata"]["name"], space, {})


def find(api: Api, spec: EnvironmentSpec) -> Object | None:
    """The namespace with the environment's name, else one that carries its label (an adopted one)."""
    kind = api.kind("v1", "Namespace")
    named = api.get(kind, "", namespace_of(spec))
    if named is not None:
        return named
    return next(iter(api.list(kind, labels=f"{ENVIRONMENT}={spec.id}")), None)


def labelled(live: Mapping[str, Any]) -> str:
    """The id of the environment an object belongs to, "" for none."""
    return str((live["metadata"].get("labels") or {}).get(ENVIRONMENT, ""))


def kinds_of(space: Mapping[str, Any]) -> set[str]:
    """Which kinds may stand in the namespace, as `version/Kind`."""
    noted = str((space["metadata"].get("annotations") or {}).get(KINDS, ""))
    return {*_ALWAYS, *(kind for kind in noted.split(",") if "/" in kind)}


def kind_names(bodies: Iterable[Mapping[str, Any]]) -> set[str]:
    """The kinds of these objects, as the namespace's list names them."""
    return {f"{body['apiVersion']}/{body['kind']}" for body in bodies if body["kind"] != "Namespace"}


def by_name(states: Iterable[Object]) -> Live:
    """What is seen, by kind and name."""
    return {(state["kind"], state["metadata"]["name"]): state for state in states}


def _objects(api: Api, spec: EnvironmentSpec, namespace: str, kinds: set[str]) -> dict[str, Object]:
    found: dict[str, Object] = {}
    for each in sorted(kinds):
        version, _, name = each.rpartition("/")
        try:
            kind = api.kind(version, name)
        except DriverRejected:
            # The cluster serves this kind no longer, so nothing of it is left.
            continue
        for live in api.list(kind, namespace, labels=f"{ENVIRONMENT}={spec.id}"):
            if not live["metadata"].get("ownerReferences"):
                found[address_of(live)] = live
    return found
