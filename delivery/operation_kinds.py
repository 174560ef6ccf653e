"""Deploy, promote and roll back as operation kinds. The engine runs them; what a release is, is known only here."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from delivery import gates
from delivery.models import Release
from policies.permissions import Permission
from provisioning.drivers.base import EnvironmentSpec
from provisioning.kinds import Arguments, OperationKind, register
from provisioning.models import Environment, Operation
from provisioning.specs import spec_of
from provisioning.states import EnvironmentStatus as E


def _spec(environment: Environment, arguments: Arguments) -> EnvironmentSpec:
    return spec_of(environment, release=arguments["release"])


def _prepare(environment: Environment, arguments: Arguments) -> dict[str, Any]:
    """The release as registered: whoever asks names it, and nothing more."""
    return {"release": Release.objects.get(pk=arguments["release"]["release"]).as_spec()}


def _finish(operation: Operation) -> dict[str, Any]:
    return {"release": operation.arguments["release"]}


def _locks(operation: Operation) -> tuple[str, ...]:
    """Moves of one service's releases never interleave, whatever the tiers."""
    return (f"pipeline:{operation.environment.service_id}",)


def _kind(name: str, title: Any, gate: Any, *, overtakes: bool = False) -> OperationKind:
    return OperationKind(
        name=name,
        title=title,
        permission=Permission.DEPLOY,
        verb="deploy",
        starts_from=frozenset({E.READY}),
        during=E.CHANGING,
        ends_in=E.READY,
        spec=_spec,
        gate=gate,
        prepare=_prepare,
        finish=_finish,
        undo=True,
        locks=_locks,
        overtakes=overtakes,
    )


DEPLOY = _kind("deploy", _("Deploy %(release)s to %(name)s"), gates.may_deploy)
PROMOTE = _kind("promote", _("Promote %(release)s to %(name)s"), gates.may_promote)
ROLLBACK = _kind("rollback", _("Roll %(name)s back to %(release)s"), gates.may_roll_back, overtakes=True)


def register_all() -> None:
    """Called once, when the app is ready."""
    for kind in (DEPLOY, PROMOTE, ROLLBACK):
        register(kind)
