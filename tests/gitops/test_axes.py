"""Sync and health are read as two axes from what each engine says of itself."""

import pytest

from provisioning.drivers.gitops.argocd import ArgoCD
from provisioning.drivers.gitops.engines import Axes
from provisioning.drivers.gitops.flux import Flux
from provisioning.drivers.gitops.watching import Lasting, shown

OID = "a" * 40


def application(sync=None, health=None, **more):
    status = {}
    if sync:
        status["sync"] = {"status": sync, "revision": OID}
    if health:
        status["health"] = health
    return {"Application": {"status": {**status, **more}}}


@pytest.mark.parametrize(
    ("live", "sync", "health", "failed"),
    [
        ({"Application": None}, "never synced", "unknown", False),
        ({"Application": {"status": {}}}, "never synced", "unknown", False),
        (application("Synced", {"status": "Healthy"}), "synced", "healthy", False),
        (application("Synced", {"status": "Degraded"}), "synced", "degraded", False),
        (application("OutOfSync", {"status": "Healthy"}), "out of sync", "healthy", False),
        (application("Synced", {"status": "Suspended"}), "synced", "suspended", False),
        (application("Unknown", conditions=[{"type": "ComparisonError", "message": "x"}]), "unknown", "unknown", True),
        (application("OutOfSync", operationState={"phase": "Failed", "message": "x"}), "out of sync", "unknown", True),
        (application("OutOfSync", operationState={"phase": "Running"}), "out of sync", "unknown", False),
    ],
)
def test_argo_cd_tells_sync_and_health_apart(live, sync, health, failed):
    axes = ArgoCD().axes(live)
    assert (axes.sync, axes.health, axes.failed) == (sync, health, failed)


def test_argo_cd_names_what_differs_and_what_is_ill():
    resources = [
        {"kind": "Deployment", "name": "web", "status": "OutOfSync"},
        {"kind": "Pod", "name": "web-1", "health": {"status": "Degraded", "message": "CrashLoopBackOff"}},
    ]
    axes = ArgoCD().axes(application("OutOfSync", {"status": "Degraded"}, resources=resources))
    assert (axes.why_not_synced, axes.why_not_healthy) == ("Deployment web differs", "Pod web-1: CrashLoopBackOff")


def flux(ready=None, reason="", *, healthy=None, fetched="True", **status):
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": "told"}] if ready else []
    conditions += [{"type": "Healthy", "status": healthy}] if healthy else []
    source = {"status": {"conditions": [{"type": "Ready", "status": fetched, "message": "cannot fetch"}]}}
    return {"GitRepository": source, "Kustomization": {"status": {"conditions": conditions, **status}}}


@pytest.mark.parametrize(
    ("live", "sync", "health", "failed"),
    [
        ({"GitRepository": None, "Kustomization": None}, "never synced", "unknown", False),
        (flux(), "never synced", "unknown", False),
        (flux("True", "ReconciliationSucceeded"), "synced", "healthy", False),
        (flux("True", "ReconciliationSucceeded", healthy="True"), "synced", "healthy", False),
        (flux("False", "HealthCheckFailed"), "synced", "degraded", False),
        (flux("Unknown", "Progressing"), "out of sync", "progressing", False),
        (flux("False", "BuildFailed"), "out of sync", "unknown", True),
        (flux("False", "DependencyNotReady"), "out of sync", "unknown", False),
        (flux("True", fetched="False"), "unknown", "healthy", True),
    ],
)
def test_flux_tells_sync_and_health_apart(live, sync, health, failed):
    axes = Flux().axes(live)
    assert (axes.sync, axes.health, axes.failed) == (sync, health, failed)


@pytest.mark.parametrize("revision", [f"main@sha1:{OID}", f"sha1:{OID}"])
def test_the_commit_is_taken_out_of_fluxs_revision(revision):
    assert Flux().axes(flux("True", lastAppliedRevision=revision)).revision == OID
    assert Flux().axes(flux("False", "HealthCheckFailed", lastAttemptedRevision=revision)).revision == OID


def test_trouble_counts_once_it_has_lasted(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("provisioning.drivers.gitops.watching.time.monotonic", lambda: now[0])
    trouble = Lasting(lambda axes: axes.failed)
    ill, well = Axes("synced", "healthy", failed=True), Axes("synced", "healthy")
    said = []
    for moment, axes in [(0, ill), (50, ill), (55, well), (60, ill), (119, ill), (120, ill)]:
        now[0] = 100.0 + moment
        said.append(trouble.lasted(axes, 60))
    assert said == [False, False, False, False, False, True]


def test_an_engines_words_are_cut_and_hold_no_secret():
    said = shown("token=abcdefghijkl " + "x" * 500)
    assert "abcdefghijkl" not in said
    assert len(said) < 260
    assert shown("") == "."
