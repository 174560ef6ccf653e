"""What suspending takes, resuming gives back: to the pod."""

import pytest

from provisioning.drivers.kubernetes.sleep import merged, to_resume, to_suspend


def workload(kind, notes=None, **spec):
    return {"kind": kind, "metadata": {"name": "web", "annotations": notes or {}}, "spec": spec}


@pytest.mark.parametrize(
    "awake",
    [
        workload("Deployment", replicas=5),
        workload("Deployment", replicas=0),
        workload("StatefulSet", replicas=3),
        workload("CronJob", suspend=False, schedule="* * * * *"),
        workload("CronJob", suspend=True),
        workload("DaemonSet", template={"spec": {"nodeSelector": {"disk": "ssd"}}}),
    ],
)
def test_what_slept_wakes_as_it_was(awake):
    asleep = merged(awake, to_suspend(awake))
    assert asleep != awake
    assert to_suspend(asleep) is None
    assert merged(asleep, to_resume(asleep)) == awake
    assert to_resume(awake) is None


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Job", "Namespace"])
def test_what_has_no_pods_of_its_own_does_not_sleep(kind):
    assert to_suspend(workload(kind)) is None
    assert to_resume(workload(kind)) is None


def test_a_sleeper_that_a_stranger_woke_is_put_back_and_remembers_what_it_had():
    woken = workload("Deployment", {"berth/replicas": "5"}, replicas=2)
    assert merged(woken, to_suspend(woken)) == workload("Deployment", {"berth/replicas": "5"}, replicas=0)
