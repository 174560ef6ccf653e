"""Operation kinds: what can be asked of an environment. Apps above register theirs; the engine knows this shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.permissions import Permission
from policies.results import Allowed, Denied
from provisioning.drivers.base import EnvironmentSpec
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E

Arguments = Mapping[str, Any]


def _no_gate(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    return Allowed()


def _none(environment: Environment, arguments: Arguments) -> dict[str, Any]:
    return {}


def _no_locks(operation: Operation) -> tuple[str, ...]:
    return ()


def _nothing(operation: Operation) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class OperationKind:
    """One kind of change.

    `verb` is the driver's word for it; `starts_from` the environment statuses it may be asked in; `during` and
    `ends_in` what the environment is meanwhile and afterwards; `spec` what the driver shall bring about; `gate` what
    must hold beside policy; `prepare` the arguments to keep, made from those that passed it (none, unless a kind
    says which); `facts` the names of fact providers policy needs; `finish` the fields to record at the end; `undo`
    whether a failure is compensated; `stays_suspended` whether a suspended environment is suspended afterwards too;
    `approved_as` the kind whose approval rules hold for it, where it is not its own, `judged_as` the kind that policy
    takes it for; `only` the actions that its plan may hold, none named for any;
    `overtakes` whether it goes before others of its environment; `locks` the keys of shared things it needs alone.
    """

    name: str
    title: Any
    permission: Permission
    verb: str
    starts_from: frozenset[str]
    during: str
    ends_in: str
    spec: Callable[[Environment, Arguments], EnvironmentSpec]
    gate: Callable[[Environment, Arguments], Allowed | Denied] = _no_gate
    prepare: Callable[[Environment, Arguments], dict[str, Any]] = _none
    finish: Callable[[Operation], dict[str, Any]] = _nothing
    facts: tuple[str, ...] = ()
    undo: bool = False
    overtakes: bool = False
    locks: Callable[[Operation], tuple[str, ...]] = _no_locks
    stays_suspended: bool = False
    approved_as: str = ""
    judged_as: str = ""
    only: frozenset[str] = frozenset()

    @property
    def begins_environment(self) -> bool:
        """Is it what makes the record of a new environment?"""
        return E.REQUESTED in self.starts_from

    def ends(self, environment: Environment) -> str:
        """What the environment is afterwards."""
        return E.SUSPENDED if self.stays_suspended and environment.suspended_at else self.ends_in

    def begins_in(self, environment: Environment) -> Allowed | Denied:
        """May it start from the environment's present status?"""
        if environment.status in self.starts_from:
            return Allowed()
        wanted = " or ".join(sorted(str(E(status).label) for status in self.starts_from))
        return Denied(
            rule="environment.status",
            field="environment",
            reason=f"{environment.name} is {E(environment.status).label}; {self.name} needs {wanted}.",
            fix="Open the environment to see what it waits for.",
            status=409,
        )


_kinds: dict[str, OperationKind] = {}


def register(kind: OperationKind) -> None:
    """Add a kind; a name is taken once."""
    if kind.name in _kinds and _kinds[kind.name] != kind:
        raise ValueError(f"operation kind {kind.name} is registered twice")
    _kinds[kind.name] = kind


def get(name: str) -> OperationKind | None:
    """The kind of this name, or None."""
    return _kinds.get(name)


def of(operation: Operation) -> OperationKind:
    """The kind of an operation that was accepted."""
    return _kinds[operation.kind]


def names() -> list[str]:
    """Every registered kind."""
    return sorted(_kinds)


def every() -> list[OperationKind]:
    """Every registered kind, by name."""
    return [_kinds[name] for name in names()]
