"""Says why something that was removed is still there: its finalizers, or what a namespace still holds. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.kubernetes.api import Api

_MOST = 5


def explain(api: Api, live: Mapping[str, Any]) -> str:
    """One sentence that names the objects and finalizers which keep it."""
    meta = live["metadata"]
    what = f"{live['kind']} {meta['name']}"
    own = list(meta.get("finalizers") or [])
    reasons = [f"its finalizers {', '.join(own)} wait for their controllers"] if own else []
    if live["kind"] == "Namespace":
        reasons += [*_pods(api, meta["name"]), *_conditions(live)]
    because = "; ".join(reasons[:_MOST]) or "the cluster has not said why"
    return f"{what} is still being removed: {because}."[:500]


def _conditions(live: Mapping[str, Any]) -> Iterator[str]:
    """What the cluster's namespace controller found left."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition.get("status") == "True" and condition.get("message"):
            yield str(condition["message"]).rstrip(".").replace("\n", " ")


def _pods(api: Api, namespace: str) -> Iterator[str]:
    """Pods whose node does not confirm that they ended, the usual cause."""
    try:
        pods = api.list(api.kind("v1", "Pod"), namespace)
    except DriverRejected:
        return
    by_node: dict[str, int] = {}
    for pod in pods:
        node = str((pod.get("spec") or {}).get("nodeName") or "no node")
        by_node[node] = by_node.get(node, 0) + 1
    for node, count in sorted(by_node.items()):
        yield f"{count} pod{'s' if count > 1 else ''} on {node} did not end yet"
