"""What an AdmissionReview's request says, as facts for the policy engine. Reads plain JSON; asks nobody."""

from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.models import Environment, Target

LABEL = "berth/environment"
SHARES = ("hostNetwork", "hostPID", "hostIPC")
Object = Mapping[str, Any]


class MalformedReview(ValueError):
    """The body is no AdmissionReview that can be judged; the text says why."""


def request_of(body: Any) -> Object:
    """The request in a review of version v1."""
    if not isinstance(body, dict) or body.get("apiVersion") != "admission.k8s.io/v1":
        raise MalformedReview("The body must be an AdmissionReview of admission.k8s.io/v1.")
    request = body.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise MalformedReview("The review has no request with a uid.")
    if not isinstance(request.get("object"), dict) or not isinstance(request.get("kind"), dict):
        raise MalformedReview("The request has no object.")
    return request


def is_leaving(request: Object) -> bool:
    """Whether the object is being deleted: nothing may stand in the way of that."""
    return bool(_meta(request["object"]).get("deletionTimestamp"))


def label_of(thing: Object | None) -> str | None:
    """The id of the environment that an object is labelled with."""
    labels = _meta(thing or {}).get("labels")
    value = labels.get(LABEL) if isinstance(labels, dict) else None
    return value if isinstance(value, str) else None


def facts_of(request: Object, environment: Environment, target: Target) -> dict[str, Any]:
    """Facts of the point `admission`; MalformedReview when the object has not the form of its kind."""
    try:
        return {
            "kind": "admit",
            "requester": {"username": _username(request), "roles": [], "platform": False},
            "admission": {
                "environment": {"id": str(environment.pk), "name": environment.name, "tier": environment.tier},
                "service": environment.service.slug,
                "team": environment.team.slug,
                "target": {"slug": target.slug, "registries": list(target.config.get("image_registries", []))},
                "object": _object(request),
            },
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedReview(f"The object has not the form of its kind: {error}.") from error


def _username(request: Object) -> str:
    return str((request.get("userInfo") or {}).get("username", ""))


def _object(request: Object) -> dict[str, Any]:
    new, old = request["object"], request.get("oldObject") or {}
    # What stands already is not judged again, or no rule could be made stricter without breaking what runs.
    known = list(_containers(old))
    return {
        "operation": request["operation"],
        "kind": request["kind"]["kind"],
        "namespace": request.get("namespace") or "",
        "name": _meta(new).get("name") or _meta(new).get("generateName") or "",
        "label": label_of(new),
        "label_before": label_of(old),
        "containers": [each for each in _containers(new) if each not in known],
        "shares": [name for name in SHARES if _pod(new).get(name) and not _pod(old).get(name)],
    }


def _containers(thing: Object) -> Iterator[dict[str, Any]]:
    pod = _pod(thing)
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for each in pod.get(key) or []:
            limits = sorted((each.get("resources") or {}).get("limits") or {})
            yield {
                "name": each["name"],
                "image": each.get("image") or "",
                "privileged": bool((each.get("securityContext") or {}).get("privileged")),
                # A container of a debugging session cannot have limits; Kubernetes refuses them.
                "limits": ["cpu", "memory"] if key == "ephemeralContainers" else limits,
            }


def _pod(thing: Object) -> Object:
    """The pod's spec in a pod, or in what makes pods; nothing in anything else."""
    spec = thing.get("spec") or {}
    if "jobTemplate" in spec:
        spec = spec["jobTemplate"]["spec"]
    if isinstance(spec.get("template"), dict):
        return spec["template"].get("spec") or {}
    return spec if "containers" in spec else {}


def _meta(thing: Object) -> Mapping[str, Any]:
    meta = thing.get("metadata")
    return meta if isinstance(meta, dict) else {}
