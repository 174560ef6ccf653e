"""What `${…}` may stand for in a template. How places are filled is the Kubernetes driver's: both read alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.kubernetes import substitute
from provisioning.drivers.kubernetes.names import namespace_of

# Known beyond the Kubernetes driver's names: secrets by path, and any part of a release's artifact.
_MORE = re.compile(r"\$\{(secrets\.[a-z][a-z0-9_]*|release\.artifact\.[A-Za-z0-9_-]+)\}")


def fill(value: Any, spec: EnvironmentSpec) -> Any:
    """The structure with every place filled. Raises DriverRejected for what has no value."""
    return substitute.fill(value, scope_of(spec))


def scope_of(spec: EnvironmentSpec) -> dict[str, Any]:
    """Parameters by their own name, environment, release (or the template's `initial` one) and paths of secrets."""
    found = substitute.scope_of(spec)
    found["environment"] = {**found["environment"], "namespace": namespace(spec)}
    found["release"] = dict(vars(spec.release)) if spec.release else dict(spec.resources.get("initial", {}))
    return {**found, "secrets": {secret.name: secret.path for secret in spec.secrets}}


def namespace(spec: EnvironmentSpec) -> str:
    """Where the workloads run in the cluster: the template's wish, or a name of the environment's own."""
    wanted = spec.resources.get("namespace")
    if wanted is None:
        return namespace_of(spec)
    found = substitute.fill(wanted, substitute.scope_of(spec))
    if not isinstance(found, str):
        raise DriverRejected("The namespace of the template is no text.")
    return found


def unknown_in(value: Mapping[str, Any]) -> Iterator[str]:
    """Places that can never be filled, whatever the environment."""
    return (place for place in substitute.bad_places(value) if not _MORE.fullmatch(place))
