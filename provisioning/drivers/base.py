"""What every driver is: pure dataclasses in and out, typed errors, an honest set of capabilities.

No Django model here: a driver is tested, shipped and loaded (entry point `berth.drivers`) without the portal.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Log = Callable[[str], None]


class DriverError(Exception):
    """What a driver may raise. Anything else counts as a defect of the driver."""


class DriverUnavailable(DriverError):
    """The target cannot be reached or is busy now: try again later."""


class DriverRejected(DriverError):
    """The target refused for good. The message is safe to show to people."""


class LeaseLost(DriverError):
    """The caller no longer holds the operation: stop before the next external write."""


@dataclass(frozen=True)
class ReleaseSpec:
    """An immutable artifact of a service."""

    version: str
    digest: str
    artifact: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SecretSpec:
    """A secret the environment needs: its name and its path below the KV mount."""

    name: str
    path: str


@dataclass(frozen=True)
class EnvironmentSpec:
    """Everything a driver may know of an environment. `resources` is the template's own part for this driver."""

    id: str
    name: str
    tier: str
    team: str
    service: str
    template: str
    parameters: Mapping[str, Any]
    resources: Mapping[str, Any]
    release: ReleaseSpec | None
    secrets: tuple[SecretSpec, ...]
    suspended: bool = False


@dataclass(frozen=True)
class Change:
    """One resource change. `before` and `after` hold no secret; `unknown` names leaves known only after apply."""

    address: str
    action: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The exact resource changes an operation would make."""

    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Resource:
    """One thing that exists in the target, as observed."""

    address: str
    state: Mapping[str, Any]


Resources = Mapping[str, Resource]


@dataclass(frozen=True)
class StepKey:
    """Makes a step's writes idempotent and fenced.

    `guard()` raises LeaseLost unless the lease outlives the call limit: call it before each external write.
    """

    operation: str
    fence: int
    guard: Callable[[], None]
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Step:
    """One named, idempotent step. The engine skips it when `done(observed)`; `limit_s` is its time limit in seconds."""

    name: str
    title: str
    limit_s: float
    apply: Callable[[StepKey, Log], Mapping[str, Any]]
    undo: Callable[[StepKey, Log], None] | None
    done: Callable[[Resources], bool]


@dataclass(frozen=True)
class Health:
    """How an environment is, as its target says."""

    status: str
    reason: str = ""
    releases: tuple[str, ...] = ()


class Driver(ABC):
    """Talks to one kind of provisioner."""

    name: str
    capabilities: frozenset[str]

    @abstractmethod
    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        """What the operation kind would change. Read-only and repeatable."""

    @abstractmethod
    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """The steps that carry the plan out, in order."""

    @abstractmethod
    def observe(self, spec: EnvironmentSpec) -> Resources:
        """What exists now, by address. Empty when nothing is left."""

    @abstractmethod
    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Where to reach the environment; no secrets."""

    def secrets(self, spec: EnvironmentSpec) -> Mapping[str, int]:
        """The secrets that stand in Vault for the environment: name to version. Never a value."""
        return {}

    def discard(self, plan: Plan) -> None:
        """Remove what plan() left on this worker."""

    def health(self, spec: EnvironmentSpec) -> Health:
        """How the environment is now."""
        return Health("unknown")

    @property
    def isolated(self) -> bool:
        """False when workloads of different environments are not kept apart on this machine."""
        return True
