"""What every driver is: pure dataclasses in and out, typed errors, an honest set of capabilities.

No Django model here: a driver is tested, shipped and loaded (entry point `berth.drivers`) without the portal.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
class TargetSpec:
    """Where a driver works: a registered cluster, repository or backend.

    `config` holds addresses and options, never a secret; `credentials` is a path below the KV mount, "" for none.
    """

    name: str
    config: Mapping[str, Any]
    credentials: str = ""


@dataclass(frozen=True)
class EnvironmentSpec:
    """Everything a driver may know of an environment. `resources` is the template's own part for this driver.

    `target` None is the driver's own place. `cost_centre` and `expires_at` (ISO 8601, "" for never) are for labels
    and must not enter a plan. `imports` maps addresses to ids of resources that exist already, for the verb `adopt`.
    """

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
    target: TargetSpec | None = None
    cost_centre: str = ""
    expires_at: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)


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
    """The exact resource changes an operation would make.

    `artifact` is what planning left on this worker for `steps` (a plan file, say). It is neither stored nor hashed:
    after the worker's death it is "", and the driver plans again and refuses what is not in `changes`.
    """

    changes: tuple[Change, ...]
    artifact: str = ""


@dataclass(frozen=True)
class Resource:
    """One thing that exists in the target, as observed."""

    address: str
    state: Mapping[str, Any]


Resources = Mapping[str, Resource]


@dataclass(frozen=True)
class Health:
    """How an environment is: `mixed` when parts of it run different releases; `releases` are those seen running."""

    status: Literal["healthy", "progressing", "degraded", "mixed", "unknown"]
    reason: str = ""
    releases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Existing:
    """Something in a target that nobody here manages: what a template would call it, and what the target calls it."""

    kind: str
    address: str
    id: str
    name: str = ""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class StepKey:
    """Makes a step's writes idempotent and fenced.

    `guard()` raises LeaseLost unless the lease outlives the call limit: call it before each external write.
    `stopping()` is true once a person has asked to cancel: a long step then ends at its next safe point.
    """

    operation: str
    fence: int
    guard: Callable[[], None]
    stopping: Callable[[], bool] = _never


@dataclass(frozen=True)
class Step:
    """One named, idempotent step. The engine skips it when `done(observed)`; `limit_s` is its time limit in seconds."""

    name: str
    title: str
    limit_s: float
    apply: Callable[[StepKey, Log], Mapping[str, Any]]
    undo: Callable[[StepKey, Log], None] | None
    done: Callable[[Resources], bool]


class Driver(ABC):
    """Talks to one kind of provisioner.

    `capabilities` are the verbs it can do: create, update, suspend, resume, destroy, deploy, adopt, reconcile.
    `template_schema` is the JSON Schema (2020-12) of a template's `resources`, `target_schema` of a target's `config`.
    """

    name: str
    capabilities: frozenset[str]
    template_schema: Mapping[str, Any] = {"type": "object"}
    target_schema: Mapping[str, Any] = {"type": "object"}

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

    def problems(self, resources: Mapping[str, Any]) -> tuple[str, ...]:
        """What keeps a template with these resources from working here, each a sentence with its fix."""
        return ()

    def check(self, target: TargetSpec) -> str:
        """Try the connection to a target: a sentence about it. Raises DriverUnavailable or DriverRejected."""
        raise DriverRejected(f"The {self.name} driver has no targets to check.")

    def health(self, spec: EnvironmentSpec) -> Health:
        """How the environment is now, as its target reports it."""
        return Health("unknown")

    def discard(self, plan: Plan) -> None:  # noqa: B027 - most drivers leave nothing
        """Remove what `plan` left on this worker. Called once for every plan that was made."""

    def inventory(self, target: TargetSpec) -> Iterable[Existing]:
        """What stands in the target and could be adopted. Read-only; at most 10,000 are looked at."""
        raise DriverRejected(f"The {self.name} driver cannot list what exists in {target.name}.")

    @property
    def isolated(self) -> bool:
        """False when workloads of different environments are not kept apart on this machine."""
        return True
