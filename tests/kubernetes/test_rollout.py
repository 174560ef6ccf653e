"""Which objects stand when a new release is in: in place, in the other slot, or beside a canary."""

import dataclasses

import pytest

from provisioning.drivers.base import DriverRejected, ReleaseSpec
from provisioning.drivers.kubernetes import render, rollout
from provisioning.drivers.kubernetes.names import DIGEST, RELEASE, SLOT
from tests.contract.harness import Harness
from tests.kubernetes.objects import RESOURCES, ROUTE

ONE, TWO = ReleaseSpec("1.0.0", "sha256:" + "1" * 64), ReleaseSpec("2.0.0", "sha256:" + "2" * 64)
BLUE_GREEN = {**RESOURCES, "rollout": {"strategy": "blue-green", "service": "web"}}
CANARY = {
    **RESOURCES,
    "manifests": [*RESOURCES["manifests"], ROUTE],
    "rollout": {"strategy": "canary", "service": "web", "route": "web"},
}


def spec(resources, release=ONE, **changes):
    return Harness.blank(
        "shop", resources=resources, release=release, parameters={"greeting": "hi", "replicas": 2}, **changes
    )


def standing(asked, live=()):
    """What shall stand, by kind and name, where `live` stands already."""
    wanted = render.wanted(asked, "ns", {(body["kind"], body["metadata"]["name"]): body for body in live})
    return {(body["kind"], body["metadata"]["name"]): body for body in wanted.values()}


def image(body):
    return body["spec"]["template"]["spec"]["containers"][0]["image"]


def selected(standing, name="web"):
    return standing["Service", name]["spec"]["selector"]


def test_a_release_is_an_image_by_digest_and_marked_on_the_pods():
    web = standing(spec(RESOURCES))["Deployment", "web"]
    assert image(web) == f"shop/web@{ONE.digest}"
    marks = {RELEASE: "1.0.0", DIGEST: ONE.digest}
    assert web["metadata"]["annotations"] == web["spec"]["template"]["metadata"]["annotations"] == marks


def test_before_the_first_release_the_templates_own_image_runs():
    web = standing(spec(RESOURCES, None))["Deployment", "web"]
    assert image(web) == "shop/web:none"
    assert "annotations" not in web["metadata"]


@pytest.mark.parametrize("named", ["shop/web:1.2", "shop/web@sha256:1"])
def test_a_release_may_name_its_image_within_the_templates_repository(named):
    release = dataclasses.replace(ONE, artifact={"image": named})
    assert image(standing(spec(RESOURCES, release))["Deployment", "web"]) == named


@pytest.mark.parametrize("named", ["elsewhere/web:1.2", "shop/web-evil:1", "shop/web"])
def test_an_image_from_elsewhere_is_refused(named):
    release = dataclasses.replace(ONE, artifact={"image": named})
    with pytest.raises(DriverRejected, match="from elsewhere than shop/web"):
        standing(spec(RESOURCES, release))


def test_the_first_release_stands_in_the_blue_slot():
    found = standing(spec(BLUE_GREEN))
    assert ("Deployment", "web") not in found
    assert ("Deployment", "web-green") not in found
    assert found["Deployment", "web-blue"]["spec"]["selector"]["matchLabels"] == {"app": "web", SLOT: "blue"}
    assert selected(found) == {"app": "web", SLOT: "blue"}


def test_the_next_release_stands_in_the_other_slot_and_the_former_rests():
    found = standing(spec(BLUE_GREEN, TWO), standing(spec(BLUE_GREEN)).values())
    green, blue = found["Deployment", "web-green"], found["Deployment", "web-blue"]
    assert (image(green), green["spec"]["replicas"]) == (f"shop/web@{TWO.digest}", 2)
    assert (image(blue), blue["spec"]["replicas"]) == (f"shop/web@{ONE.digest}", 0)
    assert selected(found)[SLOT] == "green"


def test_the_slots_stay_when_it_is_asked_again():
    second = standing(spec(BLUE_GREEN, TWO), standing(spec(BLUE_GREEN)).values())
    assert standing(spec(BLUE_GREEN, TWO, id="x"), second.values()) == standing(
        spec(BLUE_GREEN, TWO, id="x"), second.values()
    )
    again = standing(spec(BLUE_GREEN, TWO), second.values())
    assert selected(again) == selected(second)
    assert image(again["Deployment", "web-blue"]) == f"shop/web@{ONE.digest}"


def test_going_back_is_a_switch_to_the_slot_that_still_has_it():
    second = standing(spec(BLUE_GREEN, TWO), standing(spec(BLUE_GREEN)).values())
    back = standing(spec(BLUE_GREEN, ONE), second.values())
    assert selected(back)[SLOT] == "blue"
    assert back["Deployment", "web-blue"]["spec"]["replicas"] == 2
    assert back["Deployment", "web-green"]["spec"]["replicas"] == 0


def test_a_canary_rests_with_no_share_of_the_requests():
    found = standing(spec(CANARY))
    references = found["HTTPRoute", "web"]["spec"]["rules"][0]["backendRefs"]
    assert [(each["name"], each["weight"]) for each in references] == [("web", 100), ("web-canary", 0)]
    assert found["Deployment", "web-canary"]["spec"]["replicas"] == 0
    assert (selected(found)[SLOT], selected(found, "web-canary")[SLOT]) == ("stable", "canary")


def test_a_share_is_moved_and_other_references_stay():
    route = {"spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}, {"name": "other"}]}]}}
    moved = rollout.routed(route, rollout.rollout_of(spec(CANARY)), 25)
    references = moved["spec"]["rules"][0]["backendRefs"]
    assert references == [
        {"name": "web", "port": 80, "weight": 75},
        {"name": "web-canary", "port": 80, "weight": 25},
        {"name": "other"},
    ]
    assert rollout.routed(moved, rollout.rollout_of(spec(CANARY)), 0)["spec"]["rules"][0]["backendRefs"][1][
        "weight"
    ] == (0)


def test_a_release_of_a_workload_that_is_not_there_is_refused():
    resources = {**RESOURCES, "release": {**RESOURCES["release"], "workload": "Deployment/api"}}
    with pytest.raises(DriverRejected, match="Deployment/api, which the template does not make"):
        standing(spec(resources))


def test_a_sleeping_environment_stays_asleep_with_another_release():
    asleep = standing(spec(RESOURCES, suspended=True))["Deployment", "web"]
    assert asleep["spec"]["replicas"] == 0
    assert asleep["metadata"]["annotations"]["berth/replicas"] == "2"
