"""From a checked body to the action it asks for. Names in a body are looked up through the loaders."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db.models import Q
from django.http import Http404
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog import selectors as catalog
from catalog.models import TemplateVersion
from delivery import actions as delivery
from policies.models import User
from policies.results import Denied
from portal import loaders
from provisioning.actions.change import Ask, submit
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Environment, Operation

T = TypeVar("T")


def named(field: str, load: Callable[..., T], *key: Any) -> T:
    """Something that a field of the body names. Not there and not yours look the same."""
    try:
        return load(*key)
    except Http404 as error:
        raise _unknown(field) from error


def _unknown(field: str) -> ValidationError:
    return ValidationError({field: [ErrorDetail("There is none of this name that you may see.", code="known")]})


def wanted_of(user: User, asked: Mapping[str, Any]) -> Wanted:
    """The request for a new environment."""
    return Wanted(
        service=named("service", loaders.service, user, asked["service"]),
        version=_version(asked["template"], asked.get("template_version", "")),
        name=asked["name"],
        tier=asked["tier"],
        parameters=asked.get("parameters", {}),
        ttl_hours=asked.get("ttl_hours"),
        reason=asked["reason"],
    )


def _version(slug: str, version: str) -> TemplateVersion:
    template = catalog.orderable().filter(slug=slug).first()
    if template is None or template.current is None:
        raise _unknown("template")
    if not version:
        return template.current
    found = catalog.versions_of(template).filter(Q(version=version) | Q(digest=version)).first()
    if found is None:
        raise _unknown("template_version")
    return found


def ask(user: User, asked: Mapping[str, Any], key: str) -> Operation | Denied:
    """Ask for any kind of change."""
    if asked["kind"] == "create":
        return request_environment(by=user, wanted=wanted_of(user, asked), key=key)
    environment = named("environment", loaders.environment, user, asked["environment"])
    if asked["kind"] == "rollback" and "release" not in asked:
        return delivery.roll_back(by=user, environment=environment, reason=asked["reason"], key=key)
    change = Ask(
        environment=environment,
        kind=asked["kind"],
        arguments=_arguments(user, environment, asked),
        reason=asked["reason"],
        confirm=asked.get("confirm", ""),
    )
    return submit(by=user, ask=change, key=key)


def _arguments(user: User, environment: Environment, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the kind reads; whatever else a caller sends never reaches an operation."""
    if asked["kind"] == "update":
        return {"parameters": asked["parameters"]}
    if asked["kind"] in {"deploy", "promote", "rollback"}:
        return {"release": named("release", loaders.release, user, asked["release"]).as_spec()}
    return {}
