"""AdmissionReviews as an API server sends them, and a cluster that is registered here."""

from dataclasses import dataclass
from typing import Any

from audit.context import context
from provisioning import admission_hooks
from provisioning.models import AdmissionHook, Environment, Target
from tests.people import Demo
from tests.portal.api import made

CONTAINER = {
    "name": "web",
    "image": "registry.example.test/web:1",
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
}


@dataclass
class Hooked:
    """A cluster with its webhook, and one environment on it."""

    target: Target
    hook: AdmissionHook
    token: str
    environment: Environment

    @property
    def namespace(self) -> str:
        """What the driver calls the environment's namespace."""
        return f"{self.environment.name}-{self.environment.short_id}"


def hooked(demo: Demo, *, tier: str = "dev", fails_open: bool = False, **config: Any) -> Hooked:
    """A registered cluster that asks, with an environment in the tier."""
    with context(by="system:test"):
        target = Target.objects.create(slug="eu-1", name="EU 1", driver="kubernetes", config=config)
    hook, token = admission_hooks.make(by="system:test", target=target, fails_open=fails_open, timeout_seconds=3)
    return Hooked(target, hook, token, made.environment(demo, "payments-api-eu", tier=tier, target=target))


def change(row: Any, **fields: Any) -> None:
    """Write fields of a row that stands."""
    with context(by="system:test"):
        type(row).objects.filter(pk=row.pk).update(**fields)


def pod(**container: Any) -> dict[str, Any]:
    """A pod of one container."""
    return {"kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": [{**CONTAINER, **container}]}}


def deployment(**container: Any) -> dict[str, Any]:
    """A Deployment of such pods."""
    template = {"spec": pod(**container)["spec"]}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": template}}


def labelled(thing: dict[str, Any], environment: object) -> dict[str, Any]:
    """The same with the label of an environment."""
    return {**thing, "metadata": {**thing["metadata"], "labels": {"berth/environment": str(environment)}}}


def review(
    thing: dict[str, Any], namespace: str, *, old: dict[str, Any] | None = None, **request: Any
) -> dict[str, Any]:
    """The review of making `thing`, or of changing `old` into it."""
    asked = {
        "uid": "705ab4f5",
        "kind": {"group": "", "version": "v1", "kind": thing["kind"]},
        "namespace": namespace,
        "operation": "UPDATE" if old else "CREATE",
        "userInfo": {"username": "kubectl-mara"},
        "object": thing,
        "oldObject": old,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**asked, **request}}
