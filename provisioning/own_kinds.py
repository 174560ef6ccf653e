"""The operation kinds of provisioning itself: create, adopt, update, suspend, resume, reconcile, destroy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog import parameters
from catalog.pricing import price
from policies.permissions import Permission
from policies.results import Allowed, Denied, FieldError, wrong_fields
from provisioning import lifetimes
from provisioning.drivers.base import EnvironmentSpec
from provisioning.kinds import Arguments, OperationKind, register
from provisioning.models import Environment, Operation
from provisioning.specs import spec_of
from provisioning.states import EnvironmentStatus as E


def _created(operation: Operation) -> dict[str, Any]:
    environment, now = operation.environment, timezone.now()
    at_most = lifetimes.longest(environment.template_version, environment.tier, environment.created_at)
    hours = operation.arguments.get("ttl_hours")
    if at_most is not None and hours is not None:
        # Policy let this lifetime pass, beyond the template's maximum only by a waiver.
        at_most = max(at_most, environment.created_at + timedelta(hours=hours))
    expires = lifetimes.expiry(start=now, ttl_hours=hours, at_most=at_most)
    return {"ready_at": now, "expires_at": expires, "expires_at_most": at_most}


def _updated(operation: Operation) -> dict[str, Any]:
    wanted = operation.arguments["parameters"]
    rates = price(operation.environment.template_version, wanted)
    return {"parameters": wanted, "rate_running": rates.running, "rate_suspended": rates.suspended}


def _suspended(operation: Operation) -> dict[str, Any]:
    return {"suspended_at": timezone.now()}


def _resumed(operation: Operation) -> dict[str, Any]:
    return {"suspended_at": None, "expired_at": None}


def _destroyed(operation: Operation) -> dict[str, Any]:
    return {"destroyed_at": timezone.now(), "suspended_at": None}


def _update_gate(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    wanted = arguments.get("parameters")
    if not isinstance(wanted, dict):
        return Denied("parameters.object", "parameters", "It must be an object of parameters.", status=422)
    checked = parameters.check(environment.template_version.parameters, wanted, previous=environment.parameters)
    errors = tuple(FieldError(f"parameters.{e.field}", e.rule, e.message, e.fix) for e in checked.errors)
    if errors:
        return wrong_fields(errors)
    return Allowed()


def _complete(environment: Environment, arguments: Arguments) -> dict[str, Any]:
    """What is not named stays as it is."""
    schema = environment.template_version.parameters
    return {"parameters": parameters.check(schema, arguments["parameters"], previous=environment.parameters).values}


def _lives(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """Resuming an environment whose lifetime is over would only be suspended again."""
    if environment.expires_at is not None and environment.expires_at <= timezone.now():
        return Denied(
            rule="ttl.over",
            field="environment",
            reason=f"The lifetime of {environment.name} ended at {environment.expires_at:%Y-%m-%d %H:%M} UTC.",
            fix="Extend it first, then resume it.",
            status=409,
        )
    return Allowed()


def _as_recorded(environment: Environment, arguments: Arguments) -> EnvironmentSpec:
    return replace(spec_of(environment), suspended=environment.suspended_at is not None)


def _was_ready(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """Something must be recorded to be brought back."""
    if environment.ready_at is None:
        return Denied(
            rule="environment.recorded",
            field="environment",
            reason=f"{environment.name} was never ready, so there is nothing to bring back.",
            fix="Retry its creation, or destroy it.",
            status=409,
        )
    return Allowed()


def _is_claimed(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """Nobody asks for this by itself: a request claims what a warm pool has ready."""
    if environment.made_as and "ttl_hours" in arguments:
        return Allowed()
    return Denied("pool.claim", "kind", "A request claims a warm environment by itself.", status=422)


CREATE = OperationKind(
    name="create",
    title=_("Create %(name)s"),
    permission=Permission.REQUEST,
    verb="create",
    starts_from=frozenset({E.REQUESTED}),
    during=E.CREATING,
    ends_in=E.READY,
    spec=lambda environment, arguments: spec_of(environment),
    finish=_created,
    undo=True,
)
ADOPT = OperationKind(
    name="adopt",
    title=_("Adopt %(name)s"),
    permission=Permission.REQUEST,
    verb="adopt",
    starts_from=frozenset({E.REQUESTED}),
    during=E.CREATING,
    ends_in=E.READY,
    spec=lambda environment, arguments: spec_of(environment, imports=arguments["imports"]),
    finish=_created,
    undo=True,
    approved_as="create",
    judged_as="create",
    only=frozenset({"import"}),
)
CLAIM = OperationKind(
    name="claim",
    title=_("Claim %(name)s"),
    permission=Permission.REQUEST,
    verb="create",
    starts_from=frozenset({E.READY}),
    during=E.CHANGING,
    ends_in=E.READY,
    spec=lambda environment, arguments: spec_of(environment),
    gate=_is_claimed,
    finish=_created,
    approved_as="create",
    judged_as="create",
)
UPDATE = OperationKind(
    name="update",
    title=_("Change %(name)s"),
    permission=Permission.OPERATE,
    verb="update",
    starts_from=frozenset({E.READY}),
    during=E.CHANGING,
    ends_in=E.READY,
    spec=lambda environment, arguments: spec_of(environment, parameters=arguments["parameters"]),
    gate=_update_gate,
    prepare=_complete,
    finish=_updated,
    undo=True,
)
SUSPEND = OperationKind(
    name="suspend",
    title=_("Suspend %(name)s"),
    permission=Permission.OPERATE,
    verb="suspend",
    starts_from=frozenset({E.READY}),
    during=E.CHANGING,
    ends_in=E.SUSPENDED,
    spec=lambda environment, arguments: spec_of(environment),
    finish=_suspended,
    overtakes=True,
)
RESUME = OperationKind(
    name="resume",
    title=_("Resume %(name)s"),
    permission=Permission.OPERATE,
    verb="resume",
    starts_from=frozenset({E.SUSPENDED}),
    during=E.CHANGING,
    ends_in=E.READY,
    spec=lambda environment, arguments: spec_of(environment),
    gate=_lives,
    finish=_resumed,
)
RECONCILE = OperationKind(
    name="reconcile",
    title=_("Reconcile %(name)s"),
    permission=Permission.OPERATE,
    verb="reconcile",
    starts_from=frozenset({E.READY, E.SUSPENDED, E.FAILED}),
    during=E.CHANGING,
    ends_in=E.READY,
    spec=_as_recorded,
    gate=_was_ready,
    stays_suspended=True,
    approved_as="update",
)
DESTROY = OperationKind(
    name="destroy",
    title=_("Destroy %(name)s"),
    permission=Permission.OPERATE,
    verb="destroy",
    starts_from=frozenset({E.READY, E.SUSPENDED, E.FAILED}),
    during=E.DESTROYING,
    ends_in=E.DESTROYED,
    spec=lambda environment, arguments: spec_of(environment),
    finish=_destroyed,
    overtakes=True,
)


def register_all() -> None:
    """Called once, when the app is ready."""
    for kind in (CREATE, CLAIM, ADOPT, UPDATE, SUSPEND, RESUME, RECONCILE, DESTROY):
        register(kind)
