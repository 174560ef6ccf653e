"""What a driver is told of an environment: its record plus what the operation asks."""

from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import EnvironmentSpec, ReleaseSpec, SecretSpec, TargetSpec
from provisioning.models import Environment, Target
from provisioning.states import EnvironmentStatus


def secret_path(environment: Environment, name: str) -> str:
    """Below the KV mount; the id keeps a later environment of the same name out."""
    return f"env/{environment.handle}-{environment.short_id}/{name}"


def release_spec(data: Mapping[str, Any]) -> ReleaseSpec | None:
    """A recorded release, or None where nothing is deployed."""
    if not data:
        return None
    return ReleaseSpec(version=data["version"], digest=data["digest"], artifact=data.get("artifact", {}))


def target_spec(target: Target | None) -> TargetSpec | None:
    """What a driver is told of a registered target."""
    if target is None:
        return None
    return TargetSpec(name=target.slug, config=target.config, credentials=target.credentials)


def spec_of(
    environment: Environment,
    *,
    parameters: Mapping[str, Any] | None = None,
    release: Mapping[str, Any] | None = None,
    imports: Mapping[str, str] | None = None,
) -> EnvironmentSpec:
    """The environment as it should be; `parameters` and `release` replace the recorded ones."""
    version = environment.template_version
    return EnvironmentSpec(
        id=str(environment.pk),
        name=environment.handle,
        tier=environment.tier,
        team=environment.team.slug,
        service=environment.service.slug,
        template=version.digest,
        parameters=dict(environment.parameters if parameters is None else parameters),
        resources=version.spec.get("resources", {}),
        release=release_spec(environment.release if release is None else release),
        secrets=tuple(SecretSpec(s["name"], secret_path(environment, s["name"])) for s in version.secrets),
        suspended=environment.status == EnvironmentStatus.SUSPENDED,
        target=target_spec(environment.target),
        cost_centre=environment.cost_centre,
        expires_at=environment.expires_at.isoformat() if environment.expires_at else "",
        imports=dict(imports or {}),
    )
