"""What an environment's folder and its engine's objects shall be, and the difference to what is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import Change, DriverRejected, EnvironmentSpec, Plan, Resources
from provisioning.drivers.gitops import documents, overlay, placeholders, suspension
from provisioning.drivers.gitops.applications import ENGINES, matches, pruned
from provisioning.drivers.gitops.engines import Piece, Source
from provisioning.drivers.gitops.landing import BRANCH, FILE
from provisioning.drivers.gitops.overlay import CHART, KUSTOMIZATION, Files
from provisioning.drivers.gitops.place import Place

KINDS = ("create", "update", "suspend", "resume", "destroy", "deploy", "reconcile")
State = Mapping[str, Any]


def plan(spec: EnvironmentSpec, place: Place, observed: Resources, kind: str) -> Plan:
    """The changes that lead from what is there to what shall be, sorted by address."""
    if kind not in KINDS:
        raise DriverRejected(f"The GitOps driver does not know the operation {kind!r}.")
    folder = f"{FILE}{place.folder(spec)}/"
    files = wanted_files(spec, kind, standing(observed, folder))
    target: dict[str, State] = {f"{folder}{name}": document for name, document in files.items()}
    if kind != "destroy":
        target |= {piece.address: {"spec": piece.spec} for piece in pieces(spec, place)}
    changes = [_change(address, observed, target) for address in sorted({*observed, *target})]
    return Plan(tuple(change for change in changes if change is not None))


def wanted_files(spec: EnvironmentSpec, kind: str, there: Files) -> Files:
    """The files after the operation. Suspending and resuming touch the replica patch alone, whatever else is there."""
    if kind == "destroy":
        return {}
    if kind in {"suspend", "resume"}:
        base = there if {KUSTOMIZATION, CHART} & {*there} else overlay.render(spec)
        return suspension.suspended(base) if kind == "suspend" else suspension.resumed(base)
    rendered = overlay.render(spec)
    return suspension.suspended(rendered) if spec.suspended and kind != "create" else rendered


def pieces(spec: EnvironmentSpec, place: Place) -> tuple[Piece, ...]:
    """The engine's objects for the environment; none without an engine."""
    if place.engine == "none":
        return ()
    source = Source(
        place=place,
        name=f"{spec.tier}-{spec.name}",
        folder=place.folder(spec),
        namespace=placeholders.namespace(spec),
        is_chart="chart" in spec.resources,
    )
    return ENGINES[place.engine].pieces(source)


def probe(place: Place) -> Source:
    """Any environment, to ask which objects an engine needs."""
    return Source(place=place, name="probe", folder=place.root, namespace="default", is_chart=False)


def standing(observed: Resources, folder: str) -> Files:
    """The observed documents by their name in the folder."""
    return {
        address.removeprefix(folder): resource.state
        for address, resource in observed.items()
        if address.startswith(folder)
    }


def _change(address: str, observed: Resources, target: Mapping[str, State]) -> Change | None:
    have = observed[address].state if address in observed else None
    if address.startswith(BRANCH):
        return Change(address, "destroy", have, None)
    want = target.get(address)
    if have is not None and not address.startswith(FILE):
        have = {"spec": pruned(want["spec"], have["spec"]) if want else have["spec"]}
    if have is not None and want is not None:
        same = have == want if address.startswith(FILE) else matches(want, have)
        return None if same else Change(address, "change", have, _writable(address, want))
    if want is not None:
        return Change(address, "create", None, _writable(address, want))
    return Change(address, "destroy", have, None)


def _writable(address: str, want: State) -> State:
    """Refuse to write back what was masked when it was read."""
    if documents.shown(want) != want or documents.is_masked(want):
        raise DriverRejected(f"{address.removeprefix(FILE)} holds a secret value in Git; take it out first.")
    return want
