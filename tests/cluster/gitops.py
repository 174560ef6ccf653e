"""Argo CD and Flux, as far as their status shows: they read a revision from Git and say how far they got with it.

They apply nothing. The annotation `simulate.test/gitops` on an object asks for trouble: `degraded`, `out-of-sync`,
`never` (the controller never looks at it), `failing` (the sync itself fails). Health and sync are two things.
"""

import functools
import subprocess
import time

from tests.cluster.client import Client, Object

ANNOTATION = "simulate.test/gitops"
REVISION_SECONDS = 0.5


def revision(repository: str, reference: str) -> str:
    """The commit a branch, tag or HEAD stands at; "" when the repository or the reference is not there."""
    return _revision(repository, reference or "HEAD", int(time.monotonic() / REVISION_SECONDS))


@functools.lru_cache(maxsize=256)
def _revision(repository: str, reference: str, _age: int) -> str:
    if len(reference) == 40 and not set(reference) - set("0123456789abcdef"):
        return reference
    argv = ["git", "ls-remote", "--exit-code", repository, reference]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.split()[0] if done.returncode == 0 else ""


def _wish(thing: Object) -> str:
    return (thing["metadata"].get("annotations") or {}).get(ANNOTATION, "")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class ArgoCd:
    """Applications: `status.sync` against Git, `status.health` of what runs, and the last operation."""

    LIST = "/apis/argoproj.io/v1alpha1/applications"

    def __init__(self, client: Client) -> None:
        self.client = client

    def round(self) -> None:
        """One look at every application."""
        for thing in self.client.items(self.LIST):
            meta = thing["metadata"]
            path = f"/apis/argoproj.io/v1alpha1/namespaces/{meta['namespace']}/applications/{meta['name']}"
            if meta.get("deletionTimestamp"):
                if meta.get("finalizers"):
                    self.client.merge(path, {"metadata": {"finalizers": None}})
            elif _wish(thing) != "never":
                self._play(thing, path)

    def _play(self, thing: Object, path: str) -> None:
        source = thing["spec"].get("source") or thing["spec"]["sources"][0]
        at = revision(source["repoURL"], source.get("targetRevision", "HEAD"))
        wanted = argo_status(thing, at)
        has = thing.get("status", {})
        if any(has.get(name, {}).get(key) != value for name, part in wanted.items() for key, value in part.items()):
            if "operationState" in wanted:
                wanted["operationState"] |= {"startedAt": _now(), "finishedAt": _now(), "operation": {"sync": {}}}
            wanted["sync"]["comparedTo"] = {"source": source, "destination": thing["spec"]["destination"]}
            self.client.merge(path, {"operation": None, "status": {**wanted, "reconciledAt": _now()}})


def argo_status(thing: Object, at: str) -> Object:
    """What the application's status ought to say with Git at this commit."""
    wish = _wish(thing)
    automated = "automated" in (thing["spec"].get("syncPolicy") or {}) or "operation" in thing
    before = thing.get("status", {}).get("operationState", {}).get("syncResult", {}).get("revision", "")
    if not at:
        return {"sync": {"status": "Unknown"}, "health": {"status": "Unknown"}}
    if wish == "failing":
        failed = {"phase": "Failed", "message": "simulated: one or more objects failed to apply"}
        return {
            "sync": {"status": "OutOfSync", "revision": at},
            "health": {"status": "Missing"},
            "operationState": failed,
        }
    if wish == "out-of-sync" or not (automated or before == at):
        health = "Healthy" if before else "Missing"
        return {"sync": {"status": "OutOfSync", "revision": at}, "health": {"status": health}}
    health = (
        {"status": "Degraded", "message": "simulated"} if wish == "degraded" else {"status": "Healthy", "message": None}
    )
    done = {"phase": "Succeeded", "syncResult": {"revision": at}}
    return {"sync": {"status": "Synced", "revision": at}, "health": health, "operationState": done}


class Flux:
    """GitRepositories fetch an artifact; Kustomizations say which revision they applied and whether it is ready."""

    SOURCES = "/apis/source.toolkit.fluxcd.io/v1"
    KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1"

    def __init__(self, client: Client) -> None:
        self.client = client

    def round(self) -> None:
        """One look at every source, then at every kustomization."""
        artifacts = {}
        for thing in self._each(f"{self.SOURCES}", "gitrepositories"):
            artifacts[self._key(thing)] = self._source(thing)
        for thing in self._each(f"{self.KUSTOMIZATIONS}", "kustomizations"):
            named = thing["spec"]["sourceRef"]
            key = (named.get("namespace") or thing["metadata"]["namespace"], named["name"])
            self._kustomization(thing, artifacts.get(key, ""))

    def _each(self, group: str, plural: str) -> list[Object]:
        alive = []
        for thing in self.client.items(f"{group}/{plural}"):
            meta = thing["metadata"]
            thing["path"] = f"{group}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
            if meta.get("deletionTimestamp") and meta.get("finalizers"):
                self.client.merge(thing["path"], {"metadata": {"finalizers": None}})
            elif not meta.get("deletionTimestamp") and _wish(thing) != "never":
                alive.append(thing)
        return alive

    @staticmethod
    def _key(thing: Object) -> tuple[str, str]:
        return thing["metadata"]["namespace"], thing["metadata"]["name"]

    def _source(self, thing: Object) -> str:
        """The artifact's revision, written when it is new."""
        has = (thing.get("status") or {}).get("artifact", {}).get("revision", "")
        if thing["spec"].get("suspend"):
            return has
        reference = thing["spec"].get("ref") or {"branch": "master"}
        name = reference.get("commit") or reference.get("tag") or reference.get("branch", "master")
        at = revision(thing["spec"]["url"], name)
        artifact = f"{name}@sha1:{at}" if at else has
        if artifact != has or not _is_observed(thing):
            status: Object = {
                "conditions": _conditions(thing, ready=bool(at), reason="Succeeded" if at else "GitOperationFailed")
            }
            if artifact:
                place = {
                    "digest": f"sha256:{'0' * 64}",
                    "lastUpdateTime": _now(),
                    "path": "simulated",
                    "url": "http://simulated",
                }
                status["artifact"] = {"revision": artifact, **place}
            self._write(thing, status)
        return artifact

    def _kustomization(self, thing: Object, artifact: str) -> None:
        if thing["spec"].get("suspend"):
            return
        has, wish = thing.get("status") or {}, _wish(thing)
        ready, reason = _flux_outcome(artifact, wish)
        # A revision that failed its health checks was attempted and applied; one that failed to build was not.
        moved = bool(artifact) and wish not in ("failing", "out-of-sync")
        applied = artifact if moved else has.get("lastAppliedRevision", "")
        now = next((c for c in has.get("conditions", []) if c["type"] == "Ready"), {})
        shown = (
            now.get("status"),
            now.get("reason"),
            has.get("lastAppliedRevision", ""),
            has.get("lastAttemptedRevision", ""),
        )
        if shown != ("True" if ready else "False", reason, applied, artifact) or not _is_observed(thing):
            conditions = _conditions(thing, ready=ready, reason=reason)
            revisions = {"lastAppliedRevision": applied, "lastAttemptedRevision": artifact}
            # The API server takes an empty text for null, which is no text.
            self._write(thing, {"conditions": conditions, **{name: at for name, at in revisions.items() if at}})

    def _write(self, thing: Object, status: Object) -> None:
        status["observedGeneration"] = thing["metadata"]["generation"]
        self.client.merge(f"{thing['path']}/status", {"status": status})


def _flux_outcome(artifact: str, wish: str) -> tuple[bool, str]:
    if not artifact:
        return False, "ArtifactFailed"
    troubles = {"degraded": "HealthCheckFailed", "failing": "BuildFailed", "out-of-sync": "Progressing"}
    return wish not in troubles, troubles.get(wish, "ReconciliationSucceeded")


def _is_observed(thing: Object) -> bool:
    return (thing.get("status") or {}).get("observedGeneration") == thing["metadata"]["generation"]


def _conditions(thing: Object, *, ready: bool, reason: str) -> list[Object]:
    generation = thing["metadata"]["generation"]
    told = {
        "observedGeneration": generation,
        "lastTransitionTime": _now(),
        "reason": reason,
        "message": f"simulated: {reason}",
    }
    said = [{"type": "Ready", "status": "True" if ready else "False", **told}]
    if reason in ("HealthCheckFailed", "ReconciliationSucceeded"):
        said.append({"type": "Healthy", "status": "True" if ready else "False", **told})
    if reason == "Progressing":
        said.append({"type": "Reconciling", "status": "True", **told})
    return said
