"""The workloads that may run: those shipped with Berth, by name. A template names one; it never gives a command."""

from __future__ import annotations

from django.conf import settings

from provisioning.drivers.base import DriverRejected

SHIPPED = {
    "web-service": "provisioning.drivers.sandbox.workloads.web_service",
    "worker": "provisioning.drivers.sandbox.workloads.worker",
}


def module_of(image: str) -> str:
    """Return the module of a shipped workload. SANDBOX_EXTRA_IMAGES adds some in tests; DriverRejected otherwise."""
    known: dict[str, str] = {**SHIPPED, **getattr(settings, "SANDBOX_EXTRA_IMAGES", {})}
    if image not in known:
        raise DriverRejected(f"The workload {image!r} is not among those shipped: {', '.join(sorted(SHIPPED))}.")
    return known[image]
