"""How the conformance suite reaches one driver's world. A driver passes when its harness passes every case.

A harness makes the driver and its specs, looks at the world by means of its own (never through the driver), and plays
the stranger and the outage. Which cases are run follows from the driver's capabilities. No test is in here.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from uuid import uuid4

from provisioning.drivers.base import Driver, EnvironmentSpec, ReleaseSpec, Resources

HARNESSES = (
    "tests.contract.noop_harness:NoopHarness",
    "tests.contract.filed_harness:FiledHarness",
    "tests.contract.sandbox_harness:SandboxHarness",
    "tests.contract.kubernetes_harness:KubernetesHarness",
    "tests.contract.gitops_harness:GitopsHarness",
    "tests.contract.gitops_harness:ArgocdHarness",
    "tests.contract.gitops_harness:FluxHarness",
    "tests.contract.terraform_harness:TerraformHarness",
)
GROUP = "berth.contract"


class Harness(ABC):
    """One driver's world, as the suite needs it. `needs` is what BERTH_REQUIRE calls the thing that may be missing."""

    name: str
    needs: str = ""
    database = False
    """True when the driver uses the portal's own database: each case then has it, and finds it empty."""
    conditional = False
    """True when the target itself refuses the write of an older fence (else the guard and the engine are alone)."""
    slow = False
    """True when an operation takes a second or more: a worker then dies at two places, not at each one."""
    leashed = False
    """True when a child process writes, which ends shortly after its guard raised: `settle` waits that long."""

    def points(self, first: int, last: int) -> Iterator[int]:
        """Where a worker dies, by number: everywhere, or when slow at two places, unless BERTH_CONTRACT is `all`."""
        every = not self.slow or os.environ.get("BERTH_CONTRACT") == "all"
        yield from range(first, last + 1, 1 if every else 4)[: None if every else 2]

    def missing(self) -> str:
        """What is missing on this machine and how to get it, in a sentence. Empty: the cases can run."""
        return ""

    def start(self, place: Path) -> None:  # noqa: B027 - most worlds need no start
        """Start what the driver talks to, before the first case. `place` is an empty directory of this harness."""

    def stop(self) -> None:  # noqa: B027
        """End what `start` started."""

    def begin(self) -> None:  # noqa: B027
        """Before each case."""

    def steady(self, observed: Resources) -> dict[str, Mapping[str, Any]]:
        """The states by address, without what the target changes by itself; all of it, unless a harness says more."""
        return {address: resource.state for address, resource in observed.items()}

    def settle(self) -> None:  # noqa: B027
        """Wait until a write that was under way would have shown."""

    @abstractmethod
    def make_driver(self) -> Driver:
        """A new driver, as another worker has it. Opens nothing: it is also called when cases are collected."""

    @abstractmethod
    def spec(self, name: str, **changes: Any) -> EnvironmentSpec:
        """An environment that does not exist yet, with a new id; `changes` replaces fields. `blank` does most of it."""

    @abstractmethod
    def fingerprint(self, spec: EnvironmentSpec) -> Any:
        """What exists of this environment, read past the driver: everything that a doubled, lost or forgotten write
        would show, nothing that moves by itself (times, process ids). JSON-serialisable."""

    @abstractmethod
    def changed(self, spec: EnvironmentSpec) -> tuple[EnvironmentSpec, frozenset[str]]:
        """The spec with one parameter changed, and the addresses that an update then changes."""

    @abstractmethod
    def vandalise(self, spec: EnvironmentSpec) -> None:
        """As a stranger, change or remove something that the driver made for the environment."""

    @abstractmethod
    def break_target(self) -> None:
        """Drivers made from now on cannot reach their target."""

    @abstractmethod
    def mend(self) -> None:
        """Undo `break_target`; also called when nothing is broken."""

    @abstractmethod
    def bad_spec(self, name: str) -> EnvironmentSpec:
        """A spec whose creation the driver or its target refuses for good."""

    @abstractmethod
    def cleanup(self, spec: EnvironmentSpec) -> None:
        """Remove whatever a case left of the environment, past the driver where that is simple."""

    def strays(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Make, past the driver, what the spec describes; address → id. For drivers that claim "adopt"."""
        raise NotImplementedError(f"{self.name} claims adopt, so its harness needs strays()")

    def canaries(self, spec: EnvironmentSpec) -> tuple[str, ...]:
        """Every secret value the driver has held or could read for this environment, read past the driver."""
        return ()

    def leftovers(self) -> tuple[str, ...]:
        """What lies on this worker (plan files, kubeconfigs) that should be gone after `discard`."""
        return ()

    def aliases(self, spec: EnvironmentSpec) -> tuple[str, ...]:
        """In which forms the fingerprint names the environment; these are levelled before two are compared."""
        plain = spec.id.replace("-", "")
        return (spec.id, plain, plain[:8], spec.name, spec.name.replace("-", "_"))

    def release(self, n: int) -> ReleaseSpec:
        """The n-th release of the service."""
        return ReleaseSpec(f"{n}.0.0", "sha256:" + f"{n:064x}")

    @property
    def capabilities(self) -> frozenset[str]:
        return self.make_driver().capabilities

    @staticmethod
    def blank(name: str, **fields: Any) -> EnvironmentSpec:
        """A spec of a small environment with a new id; `fields` replaces what is given."""
        empty = EnvironmentSpec(
            id=str(uuid4()),
            name=name,
            tier="dev",
            team="payments",
            service="payments-api",
            template="sha256:" + "0" * 64,
            parameters={},
            resources={},
            release=None,
            secrets=(),
        )
        return replace(empty, **fields)


def places() -> dict[str, str]:
    """Where the harnesses are, as `module:Class`: one from BERTH_CONTRACT_HARNESS, else ours and the installed ones."""
    only = os.environ.get("BERTH_CONTRACT_HARNESS", "")
    found = [only] if only else [*HARNESSES, *(entry.value for entry in entry_points(group=GROUP))]
    return {load(place).name: place for place in found}


@cache
def load(place: str) -> Harness:
    """The harness at `module:Class`, one for the whole session."""
    module, _, attribute = place.partition(":")
    made: Harness = getattr(import_module(module), attribute)()
    return made
