"""A kubelet for one node that runs nothing: pods bound to it get the status that running ones would have.

The annotation `simulate.test/pods` on a pod or its namespace asks for trouble: `crash` (starts and dies), `pending`
(never starts), `stay` (ignores its deletion, so the namespace hangs in Terminating). Jobs' pods succeed.
"""

import logging
import time

import httpx

from tests.cluster.client import Client, Object

NODE = "simulated"
ANNOTATION = "simulate.test/pods"
SIZE = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}


class Kubelet:
    """Its round answers each pod that is not yet as it should be; a pod that is right costs nothing."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def join(self) -> None:
        """Register the node, ready, once."""
        labels = {"kubernetes.io/hostname": NODE, "simulate.test/node": "true"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        self.client.apply(f"/api/v1/nodes/{NODE}", node)
        conditions = [_condition("Ready", "True", "KubeletReady")]
        status = {"capacity": SIZE, "allocatable": SIZE, "conditions": conditions}
        self.client.merge(f"/api/v1/nodes/{NODE}/status", {"status": status})
        # The API server taints a node at birth; the controller that would lift it is one of those left out.
        self.client.merge(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})

    def round(self) -> None:
        """One look at every pod of the node."""
        query = {"fieldSelector": f"spec.nodeName={NODE}", "resourceVersion": "0"}
        found = self.client.items("/api/v1/pods", **query)
        wishes = self._namespaces() if found else {}
        for pod in found:
            meta = pod["metadata"]
            wish = (meta.get("annotations") or {}).get(ANNOTATION) or wishes.get(meta["namespace"], "")
            try:
                self._play(pod, wish)
            except httpx.HTTPStatusError as problem:
                logging.warning("%s/%s: %s", meta["namespace"], meta["name"], problem)

    def _namespaces(self) -> dict[str, str]:
        listed = self.client.items("/api/v1/namespaces", resourceVersion="0")
        return {n["metadata"]["name"]: (n["metadata"].get("annotations") or {}).get(ANNOTATION, "") for n in listed}

    def _play(self, pod: Object, wish: str) -> None:
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if meta.get("deletionTimestamp"):
            if wish != "stay":
                self.client.delete(path, gracePeriodSeconds=0, preconditions={"uid": meta["uid"]})
            return
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        status = status_of(pod, wish)
        if not _shows(pod.get("status", {}), status):
            body = {"metadata": {"uid": meta["uid"]}, "status": status}
            self.client.merge(f"{path}/status", body)


def status_of(pod: Object, wish: str) -> Object:
    """What the pod's status ought to say."""
    if wish == "pending":
        return {"phase": "Pending", "conditions": [_condition("Ready", "False", "ContainersNotReady")]}
    if wish == "crash":
        return _running(pod, ready=False, state={"waiting": {"reason": "CrashLoopBackOff", "message": "simulated"}})
    if any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", [])):
        done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
        return {**_running(pod, ready=False, state=done), "phase": "Succeeded"}
    return _running(pod, ready=True, state={"running": {}})


def _running(pod: Object, *, ready: bool, state: Object) -> Object:
    said = "True" if ready else "False"
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "started": ready,
            "restartCount": 0 if ready else 3,
            "state": state,
        }
        for container in pod["spec"]["containers"]
    ]
    names = ("Initialized", "PodScheduled")
    conditions = [_condition(name, "True") for name in names]
    conditions += [_condition(name, said) for name in ("ContainersReady", "Ready")]
    address = "10.97.0." + str(1 + hash(pod["metadata"]["uid"]) % 250)
    return {"phase": "Running", "podIP": address, "conditions": conditions, "containerStatuses": containers}


def _condition(kind: str, status: str, reason: str = "") -> Object:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": kind, "status": status, "lastTransitionTime": now} | ({"reason": reason} if reason else {})


def _shows(has: Object, wanted: Object) -> bool:
    """Whether the status says what matters already: the phase, the readiness, the containers' states."""
    return _gist(has) == _gist(wanted)


def _gist(status: Object) -> tuple[object, ...]:
    ready = {c["type"]: c["status"] for c in status.get("conditions", [])}.get("Ready")
    states = [(c["name"], c["image"], *c.get("state", {})) for c in status.get("containerStatuses", [])]
    return status.get("phase"), ready, tuple(states)
