"""How a new release takes over: in place, beside the old one (blue-green), or by a growing share (canary).

Pure: from the template's objects and what is seen, the objects that shall stand when the release is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec, ReleaseSpec
from provisioning.drivers.kubernetes import manifests
from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.names import DIGEST, RELEASE, SLOT

SLOTS = ("blue", "green")
CANARY = "-canary"
Live = Mapping[tuple[str, str], Object]
"""What is seen, by kind and name."""


@dataclass(frozen=True)
class Rollout:
    """The template's choice, with defaults."""

    strategy: str
    deployment: str = ""
    container: str = ""
    service: str = ""
    route: str = ""
    weights: tuple[int, ...] = (10, 50)
    pause_s: int = 30
    replicas: int = 1


def rollout_of(spec: EnvironmentSpec) -> Rollout:
    """The rollout that the template asks for; "rolling" when it says nothing."""
    chosen = dict(spec.resources.get("rollout") or {})
    mapping = spec.resources.get("release") or {}
    if not mapping or chosen.get("strategy", "rolling") == "rolling":
        return Rollout("rolling")
    chosen["weights"] = tuple(chosen.get("weights") or Rollout.weights)
    deployment = str(mapping["workload"]).partition("/")[2]
    return Rollout(deployment=deployment, container=mapping["container"], **chosen)


def with_release(objects: list[Object], spec: EnvironmentSpec) -> list[Object]:
    """The workload that the template maps releases to, running the environment's release."""
    mapping, release = spec.resources.get("release"), spec.release
    if not mapping or release is None:
        return objects
    kind, _, name = str(mapping["workload"]).partition("/")
    if not any((body["kind"], body["metadata"]["name"]) == (kind, name) for body in objects):
        raise DriverRejected(f"release.workload is {kind}/{name}, which the template does not make.")
    image = image_of(release, str(mapping["repository"]))
    return [running(body, mapping["container"], image, release) if _is(body, kind, name) else body for body in objects]


def image_of(release: ReleaseSpec, repository: str) -> str:
    """The image of a release: what its artifact names, else the digest in the template's repository."""
    named = str(release.artifact.get("image") or f"{repository}@{release.digest}")
    if not named.startswith((f"{repository}@", f"{repository}:")):
        raise DriverRejected(f"The release {release.version} has an image from elsewhere than {repository}.")
    return named


def running(body: Object, container: str, image: str, release: ReleaseSpec) -> Object:
    """The workload with this image in this container, its pods marked with the release."""
    marks = {RELEASE: release.version, DIGEST: release.digest}

    def changed(template: Mapping[str, Any]) -> Object:
        pod = dict(template.get("spec") or {})
        if not any(each.get("name") == container for each in pod.get("containers") or []):
            raise DriverRejected(f"release.container is {container}, which {body['metadata']['name']} does not have.")
        pod["containers"] = [{**c, "image": image} if c["name"] == container else c for c in pod["containers"]]
        return manifests.annotated({**template, "spec": pod}, marks)

    found = manifests.with_template(body, changed)
    return _annotated(found, marks)


def arranged(objects: list[Object], spec: EnvironmentSpec, live: Live) -> list[Object]:
    """The objects as the rollout needs them in the end."""
    rollout = rollout_of(spec)
    if rollout.strategy == "blue-green":
        return _two_slots(objects, rollout, spec, live)
    if rollout.strategy == "canary":
        return _with_canary(objects, rollout)
    return objects


def routed(route: Mapping[str, Any], rollout: Rollout, share: int) -> Object:
    """The HTTPRoute with this share of requests, in percent, for the canary."""
    rules = []
    for rule in (route.get("spec") or {}).get("rules") or []:
        references = []
        for reference in rule.get("backendRefs") or []:
            if reference.get("name") in {rollout.service, rollout.service + CANARY}:
                if reference["name"] == rollout.service:
                    references.append({**reference, "weight": 100 - share})
                    references.append({**reference, "name": rollout.service + CANARY, "weight": share})
            else:
                references.append(reference)
        rules.append({**rule, "backendRefs": references})
    return {**route, "spec": {**route["spec"], "rules": rules}}


def release_in(body: Mapping[str, Any] | None) -> str:
    """The digest of the release that a workload is set to, "" for none."""
    return str(((body or {}).get("metadata", {}).get("annotations") or {}).get(DIGEST, ""))


def active_slot(live: Live, rollout: Rollout) -> str:
    """The slot that the Service points to, "" before there is one."""
    service = live.get(("Service", rollout.service)) or {}
    return str(((service.get("spec") or {}).get("selector") or {}).get(SLOT, ""))


def next_slot(live: Live, rollout: Rollout, digest: str) -> str:
    """The slot that shall be active: the present one when it has the release already, else the other."""
    active = active_slot(live, rollout)
    if active not in SLOTS:
        return SLOTS[0]
    present = live.get(("Deployment", f"{rollout.deployment}-{active}"))
    if present is None or not digest or release_in(present) == digest:
        return active
    return _other(active)


def _two_slots(objects: list[Object], rollout: Rollout, spec: EnvironmentSpec, live: Live) -> list[Object]:
    digest = spec.release.digest if spec.release else ""
    slot = next_slot(live, rollout, digest)
    idle = live.get(("Deployment", f"{rollout.deployment}-{_other(slot)}"))
    found = []
    for body in objects:
        if _is(body, "Deployment", rollout.deployment):
            found.append(_in_slot(body, slot))
            if idle is not None:
                found.append(_resting(_in_slot(body, _other(slot)), idle, rollout))
        elif _is(body, "Service", rollout.service):
            selector = {**(body["spec"].get("selector") or {}), SLOT: slot}
            found.append({**body, "spec": {**body["spec"], "selector": selector}})
        else:
            found.append(body)
    return found


def _in_slot(body: Object, slot: str) -> Object:
    named = {**body, "metadata": {**body["metadata"], "name": f"{body['metadata']['name']}-{slot}"}}
    return _labelled(named, {SLOT: slot})


def _resting(body: Object, live: Object, rollout: Rollout) -> Object:
    """The slot that is not in use keeps its release, ready to be switched back to, with no pods."""
    template = manifests.template_of(live)
    images = {c["name"]: c["image"] for c in (template.get("spec") or {}).get("containers") or []}
    notes = (live["metadata"].get("annotations") or {}).items()
    marks = {key: value for key, value in notes if key in {RELEASE, DIGEST}}
    found = {**body, "spec": {**body["spec"], "replicas": 0}}
    if not marks:
        return found
    release = ReleaseSpec(marks.get(RELEASE, ""), marks.get(DIGEST, ""))
    return running(found, rollout.container, images.get(rollout.container, ""), release)


def _with_canary(objects: list[Object], rollout: Rollout) -> list[Object]:
    found = []
    for body in objects:
        if _is(body, "HTTPRoute", rollout.route):
            found.append(routed(body, rollout, 0))
            continue
        found.append(_labelled(body, {SLOT: "stable"}) if _is(body, "Deployment", rollout.deployment) else body)
        if _is(body, "Deployment", rollout.deployment):
            found.append(canary_of(body, 0))
        elif _is(body, "Service", rollout.service):
            found[-1] = _selecting(body, rollout.service, "stable")
            found.append(_selecting(body, rollout.service + CANARY, "canary"))
    return found


def canary_of(body: Object, replicas: int) -> Object:
    """The Deployment of the canary, made from the one it stands beside."""
    name = body["metadata"]["name"].removesuffix(CANARY) + CANARY
    named = {**body, "metadata": {**body["metadata"], "name": name}, "spec": {**body["spec"], "replicas": replicas}}
    return _labelled(named, {SLOT: "canary"})


def _selecting(body: Object, name: str, slot: str) -> Object:
    selector = {**(body["spec"].get("selector") or {}), SLOT: slot}
    return {
        **body,
        "metadata": {**body["metadata"], "name": name},
        "spec": {**body["spec"], "selector": selector},
    }


def _labelled(body: Object, labels: Mapping[str, str]) -> Object:
    """Labels on the workload, its selector and its pods, so that two of them never own each other's."""
    spec = body["spec"]
    selector = spec.get("selector") or {}
    matched = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **labels}}

    def changed(template: Mapping[str, Any]) -> Object:
        meta = template.get("metadata") or {}
        return {**template, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **labels}}}

    meta = {**body["metadata"], "labels": {**(body["metadata"].get("labels") or {}), **labels}}
    return manifests.with_template({**body, "metadata": meta, "spec": {**spec, "selector": matched}}, changed)


def _annotated(body: Object, annotations: Mapping[str, str]) -> Object:
    meta = body["metadata"]
    return {**body, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), **annotations}}}


def _is(body: Mapping[str, Any], kind: str, name: str) -> bool:
    return bool(body["kind"] == kind and body["metadata"]["name"] == name)


def _other(slot: str) -> str:
    return SLOTS[1 - SLOTS.index(slot)]
