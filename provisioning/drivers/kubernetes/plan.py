"""What an operation would change, told by the cluster itself: server-side apply as a dry run. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioning.drivers.base import Change, DriverRejected, DriverUnavailable, EnvironmentSpec, Plan, Resources
from provisioning.drivers.kubernetes import names, render, sleep
from provisioning.drivers.kubernetes.api import Api, Object
from provisioning.drivers.kubernetes.objects import Cleaner, assigned
from provisioning.drivers.kubernetes.terminating import explain
from provisioning.drivers.kubernetes.view import View, by_name, labelled

VERBS = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "adopt", "reconcile"})


@dataclass(frozen=True)
class Planner:
    """Plans one environment in one cluster."""

    api: Api
    clean: Cleaner
    spec: EnvironmentSpec
    view: View

    def plan(self, observed: Resources, verb: str) -> Plan:
        """The changes of a verb, sorted by address."""
        if verb == "destroy":
            found = [Change(address, "destroy", dict(each.state), None) for address, each in observed.items()]
        elif verb in {"suspend", "resume"}:
            found = list(self._slept(observed, waking=verb == "resume"))
        elif verb == "adopt":
            found = list(self._adopted())
        else:
            self._refuse_taken()
            found = list(self._rendered(observed))
        return Plan(tuple(sorted(found, key=lambda change: change.address)))

    def _refuse_taken(self) -> None:
        if self.view.foreign:
            raise DriverRejected(f"The namespace {self.view.namespace} is there already and is not this environment's.")
        if self.view.space is not None and self.view.is_ending:
            raise DriverUnavailable(explain(self.api, self.view.space))

    def _slept(self, observed: Resources, *, waking: bool) -> Iterator[Change]:
        for address, each in observed.items():
            before = dict(each.state)
            patch = sleep.to_resume(before) if waking else sleep.to_suspend(before)
            if patch is not None:
                yield Change(address, "change", before, _tidy(sleep.merged(before, patch)))

    def _rendered(self, observed: Resources) -> Iterator[Change]:
        wanted = render.wanted(self.spec, self.view.namespace, by_name(dict(each.state) for each in observed.values()))
        for address, body in wanted.items():
            change = self._change(address, body, observed)
            if change is not None:
                yield change
        for address, each in observed.items():
            if address not in wanted:
                yield Change(address, "destroy", dict(each.state), None)

    def _change(self, address: str, body: Object, observed: Resources) -> Change | None:
        kind = self.api.kind(body["apiVersion"], body["kind"])
        if kind.name != "Namespace" and not kind.namespaced:
            raise DriverRejected(f"{kind.name} belongs to the whole cluster, not to an environment.")
        before = dict(observed[address].state) if address in observed else None
        if before is None:
            after, unknown = assigned(self.clean(self._tried(body)))
            return Change(address, "create", None, after, unknown)
        try:
            after = self.clean(self.api.apply(kind, body, dry_run=True))
        except DriverRejected as refused:
            if kind.name != "Job" or "immutable" not in str(refused):
                raise
            # A Job cannot be changed: it is run again.
            return Change(address, "replace", before, assigned(self.clean(body))[0])
        return None if after == before else Change(address, "change", before, after)

    def _tried(self, body: Object) -> Object:
        """What the cluster would make of a new object; without a namespace to try it in, what is asked for."""
        target = self.spec.target
        place = (
            self.view.namespace
            if self.view.space
            else str((target.config if target else {}).get("trial_namespace", ""))
        )
        kind = self.api.kind(body["apiVersion"], body["kind"])
        if not place and kind.namespaced:
            return body
        meta = {**body["metadata"], **({"namespace": place} if kind.namespaced else {})}
        tried = self.api.apply(kind, {**body, "metadata": meta}, dry_run=True)
        return {**tried, "metadata": {**tried["metadata"], **_namespace(body)}}

    def _adopted(self) -> Iterator[Change]:
        self._refuse_houseless()
        for address, name in self.spec.imports.items():
            before = self.clean(self.imported(address, name))
            after_meta = {**before["metadata"], "labels": {**(before["metadata"].get("labels") or {}), **self._mark()}}
            if after_meta != before["metadata"]:
                yield Change(address, "import", before, {**before, "metadata": after_meta})

    def _refuse_houseless(self) -> None:
        """What is adopted must be found again: its namespace is adopted with it, or is the environment's already."""
        spaces = {name for address, name in self.spec.imports.items() if address.startswith("Namespace/")}
        spaces |= {self.view.namespace} if self.view.space else set()
        for address, name in self.spec.imports.items():
            if "/" in name and name.rpartition("/")[0] not in spaces:
                raise DriverRejected(f"{address} cannot be adopted without its namespace. Adopt that too.")
        if len(spaces) > 1:
            raise DriverRejected("An environment is one namespace; what is adopted lies in several.")

    def imported(self, address: str, name: str) -> Object:
        """The existing object that an import names. `name` is `namespace/name`, or the name of a namespace."""
        kind_name = address.partition("/")[0]
        namespace, _, own = name.rpartition("/")
        kind = self.api.kind(*_known(kind_name))
        live = self.api.get(kind, namespace, own)
        if live is None:
            raise DriverRejected(f"There is no {kind_name} {name} to adopt.")
        if names.address_of(live) != address:
            raise DriverRejected(f"{kind_name} {name} has the address {names.address_of(live)}, not {address}.")
        if labelled(live) not in {"", self.spec.id}:
            raise DriverRejected(f"{kind_name} {name} belongs to another environment.")
        return live

    def _mark(self) -> dict[str, str]:
        return {names.ENVIRONMENT: self.spec.id}


_GROUPS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
}


def _known(kind: str) -> tuple[str, str]:
    """The version and kind of an import's address. Kinds of other makers are adopted with their next change."""
    if "." in kind:
        raise DriverRejected(f"{kind} cannot be adopted by its address; adopt its namespace.")
    return _GROUPS.get(kind, "v1"), kind


def _namespace(body: Object) -> dict[str, str]:
    return {"namespace": body["metadata"]["namespace"]} if "namespace" in body["metadata"] else {}


def _tidy(body: Object) -> Object:
    """Without the empty maps that a patch leaves behind and the server does not."""
    meta = {key: value for key, value in body["metadata"].items() if value != {}}
    return {**body, "metadata": meta}
