"""When a workload counts as well, and how mixed releases are seen (F6)."""

import pytest

from provisioning.drivers.kubernetes.health import of_object, overall, releases_of, why_waiting


def live(kind, spec=None, generation=2, **status):
    status = {"observedGeneration": 2, **status}
    return {"kind": kind, "metadata": {"name": "web", "generation": generation}, "spec": spec or {}, "status": status}


def condition(kind, value="True", **more):
    return {"type": kind, "status": value, **more}


TWO = {"replicas": 2}
QUOTA = condition("ReplicaFailure", message="exceeded quota: environment")
LATE = condition("Progressing", "False", reason="ProgressDeadlineExceeded")


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (live("Deployment", TWO, replicas=2, updatedReplicas=2, availableReplicas=2), "healthy", ""),
        (live("Deployment", {"replicas": 0}), "healthy", ""),
        (live("Deployment", TWO, generation=3), "progressing", "has not looked at it yet"),
        (live("Deployment", TWO, updatedReplicas=1), "progressing", "1 of 2 pods are of the newest form"),
        (live("Deployment", TWO, replicas=3, updatedReplicas=2), "progressing", "1 old pods are still ending"),
        (live("Deployment", TWO, replicas=2, updatedReplicas=2), "progressing", "0 of 2 pods are available"),
        (live("Deployment", TWO, conditions=[QUOTA]), "degraded", "exceeded quota: environment"),
        (live("Deployment", TWO, conditions=[LATE]), "degraded", "did not become available in time"),
        (live("StatefulSet", TWO, readyReplicas=2, updatedReplicas=2), "healthy", ""),
        (live("StatefulSet", TWO, readyReplicas=1), "progressing", "1 of 2 pods are ready"),
        (
            live("StatefulSet", TWO, readyReplicas=2, updatedReplicas=1, currentRevision="a", updateRevision="b"),
            "progressing",
            "1 of 2 pods are of the newest form",
        ),
        (
            live("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
            "progressing",
            "1 of 2",
        ),
        (live("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2), "healthy", ""),
        (live("Job"), "progressing", "runs"),
        (live("Job", conditions=[condition("Complete")]), "healthy", ""),
        (live("Job", conditions=[condition("Failed", message="backoff limit")]), "degraded", "backoff limit"),
        (live("ConfigMap"), "healthy", ""),
    ],
)
def test_a_workload_is_well_when_its_rollout_is_complete(given, status, reason):
    found = of_object(given)
    assert found.status == status
    assert reason in found.reason
    assert bool(found.reason) is (status != "healthy")


@pytest.mark.parametrize(
    ("conditions", "status"),
    [([], "progressing"), ([condition("Ready")], "healthy"), ([condition("Ready", "False")], "degraded")],
)
def test_any_kind_is_well_by_a_condition_that_the_template_names(conditions, status):
    assert of_object(live("ExternalSecret", conditions=conditions), "Ready").status == status


def pod(release, phase="Running", **meta):
    return {"metadata": {"name": "p", "annotations": {"berth/release": release}, **meta}, "status": {"phase": phase}}


def test_f6_pods_of_two_releases_are_mixed_whatever_else_is_well():
    well = of_object(live("Deployment", TWO, replicas=2, updatedReplicas=2, availableReplicas=2))
    found = overall([well], [pod("1.0.0"), pod("2.0.0"), pod("2.0.0")])
    assert (found.status, found.releases) == ("mixed", ("1.0.0", "2.0.0"))
    assert found.reason == "Pods of 2 releases run: 1.0.0, 2.0.0."


def test_pods_that_end_or_ended_are_of_no_release():
    ending = pod("1.0.0", deletionTimestamp="2026-11-23T10:00:00Z")
    assert releases_of([ending, pod("1.0.0", "Succeeded"), pod("2.0.0")]) == ("2.0.0",)


def test_the_worst_part_is_told_first():
    states = [of_object(live("Job")), of_object(live("Deployment", TWO, conditions=[QUOTA]))]
    found = overall(states, [])
    assert (found.status, found.reason) == ("degraded", "Deployment web: exceeded quota: environment.")


def test_nothing_to_look_at_is_unknown():
    assert overall([], []).status == "unknown"


def test_the_reason_of_a_waiting_pod_is_told_in_the_clusters_words():
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    found = {"metadata": {"name": "web-1"}, "status": {"containerStatuses": [{"state": waiting}]}}
    assert why_waiting([pod("1.0.0"), found]) == "pod web-1: ImagePullBackOff no such image"
    unbound = {
        "metadata": {"name": "web-2"},
        "status": {"conditions": [condition("PodScheduled", "False", message="0/1 nodes")]},
    }
    assert why_waiting([unbound]) == "pod web-2: 0/1 nodes"
