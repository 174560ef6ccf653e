"""Register, change, retire and check targets. A credential goes to Vault and nowhere else; a worker does the check."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from jsonschema import Draft202012Validator

from audit.context import context
from audit.record import record
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Denied, FieldError, wrong_fields
from provisioning import states
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers import registry
from provisioning.drivers.base import DriverError
from provisioning.models import Environment, Operation, Target
from provisioning.states import EnvironmentStatus as E
from provisioning.vault import Secret, from_settings
from provisioning.wake import wake_check

SLUG = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
POOL = re.compile(r"[a-z0-9-]{0,40}")
MOST_AT_ONCE = 1000
# What is called so is a secret, and belongs into Vault.
SECRETIVE = re.compile(r"(?i)(password|passwd|secret_?key|access_?key|token|private_?key|client_?secret|credential)")
SHORT_NAME = "Small letters, digits and hyphens, beginning with a letter, at most 40."


@dataclass(frozen=True)
class Wanted:
    """A target as it shall be."""

    slug: str
    driver: str
    name: str
    config: Mapping[str, Any]
    pool: str = ""
    concurrency: int = 0


def register(*, by: User, wanted: Wanted) -> Target | Denied:
    """Make a target known. Its credentials come afterwards, and its connection is checked by a worker."""
    denied = _refusal(by, wanted.slug)
    wrong = _problems(wanted) if denied is None else denied
    if wrong is not None:
        return wrong
    try:
        with context(by=by, reason=f"register the target {wanted.slug}"):
            made = Target.objects.create(
                slug=wanted.slug,
                driver=wanted.driver,
                name=wanted.name,
                config=dict(wanted.config),
                pool=wanted.pool,
                concurrency=wanted.concurrency,
            )
            record("target.registered", object=made.ref, data={"slug": made.slug, "driver": made.driver})
    except IntegrityError:
        return Denied("target.slug_free", "slug", f"A target {wanted.slug} exists.", "Choose another.", status=409)
    return made


def change(*, by: User, target: Target, wanted: Wanted) -> Target | Denied:
    """Change all but its slug and driver. What waits for it moves to the new pool at once."""
    same = Wanted(target.slug, target.driver, wanted.name, wanted.config, wanted.pool, wanted.concurrency)
    denied = _refusal(by, target.slug)
    wrong = _problems(same) if denied is None else denied
    if wrong is not None:
        return wrong
    with context(by=by, reason=f"change the target {target.slug}"):
        row = Target.objects.select_for_update().get(pk=target.pk)
        row.name, row.config = same.name, dict(same.config)
        row.pool, row.concurrency = same.pool, same.concurrency
        row.save(update_fields=["name", "config", "pool", "concurrency"])
        waits = Operation.objects.filter(target=row, status__in=states.WAITING).exclude(pool=row.pool)
        waits.update(pool=row.pool)
    return row


def retire(*, by: User, target: Target) -> Target | Denied:
    """Let nothing new be made there. Refused while an environment lives there."""
    denied = _refusal(by, target.slug)
    if denied is not None:
        return denied
    with context(by=by, reason=f"retire the target {target.slug}"):
        row = Target.objects.select_for_update().get(pk=target.pk)
        living = Environment.objects.filter(target=row).exclude(status=E.DESTROYED).count()
        if not living:
            row.retired_at = row.retired_at or timezone.now()
            row.save(update_fields=["retired_at"])
            return row
    reason = f"{living} environments live on {target.slug}."
    found = Denied("target.unused", "target", reason, "Destroy or move them first.", "Their teams", status=409)
    return _refused(by, target.ref, found)


def set_credentials(*, by: User, target: Target, values: Mapping[str, Secret]) -> Target | Denied:
    """Put the credentials into Vault as their next version. The database learns only where they lie."""
    denied = _refusal(by, target.slug)
    if denied is not None:
        return denied
    if not values:
        return Denied("target.credentials", "credentials", "No value was given.", "Give at least one.", status=422)
    path = f"targets/{target.slug}"
    with context(by=by, reason=f"credentials of the target {target.slug}"):
        record("target.credentials_given", object=target.ref, data={"path": path, "names": sorted(values)})
    try:
        version = from_settings().kv_put(path, values)
    except DriverError as error:
        return Denied(
            "secret.writable", "credentials", str(error), "Try again later.", "A platform engineer", status=503
        )
    with context(by=by, reason=f"credentials of the target {target.slug}"):
        Target.objects.filter(pk=target.pk).update(credentials=path)
        record("target.credentials_stored", object=target.ref, data={"path": path, "version": version})
    target.credentials = path
    return target


def ask_check(*, by: User, target: Target) -> Target | Denied:
    """Have a worker of the target's pool try the connection, soon; asking twice is the same."""
    denied = _refusal(by, target.slug)
    if denied is not None:
        return denied
    with context(by=by, reason=f"check of the target {target.slug}"):
        target.check_asked_at = timezone.now()
        target.save(update_fields=["check_asked_at"])
        wake_check(target.pool)
    return target


def _refusal(by: User, slug: str) -> Denied | None:
    allowed = may(by, Permission.MANAGE_TARGETS, None)
    if isinstance(allowed, Denied):
        return _refused(by, f"target:{slug}"[:80], allowed)
    return None


def _refused(by: User, subject: str, denied: Denied) -> Denied:
    """Say in the history that it was refused."""
    with context(by=by):
        record("target.refused", object=subject, data={"rule": denied.rule, "reason": denied.reason})
    return denied


def _problems(wanted: Wanted) -> Denied | None:
    """What is wrong with the fields, all at once."""
    if not storable([wanted.slug, wanted.name, wanted.pool, dict(wanted.config)]):
        return unstorable("config")
    errors = [*_names(wanted), *_config(wanted)]
    if not errors:
        return None
    return wrong_fields(errors)


def _names(wanted: Wanted) -> list[FieldError]:
    errors = []
    if not SLUG.fullmatch(wanted.slug):
        errors.append(FieldError("slug", "target.slug", f"{wanted.slug!r} is no short name.", SHORT_NAME))
    if wanted.driver not in registry.names():
        known = ", ".join(registry.names())
        errors.append(FieldError("driver", "target.driver", f"No driver {wanted.driver}.", f"One of {known}."))
    if not wanted.name.strip() or len(wanted.name) > 60:
        errors.append(FieldError("name", "target.name", "A name has 1 to 60 characters.", ""))
    if not POOL.fullmatch(wanted.pool) or wanted.pool == "default":
        fix = "Small letters, digits and hyphens; leave it empty for workers without a tag."
        errors.append(FieldError("pool", "target.pool", f"{wanted.pool!r} is no tag.", fix))
    if not 0 <= wanted.concurrency <= MOST_AT_ONCE:
        errors.append(FieldError("concurrency", "target.concurrency", "Between 0 (no limit) and 1000.", ""))
    return errors


def _config(wanted: Wanted) -> list[FieldError]:
    """The driver's own schema, and no secret among the addresses."""
    schema = registry.driver(wanted.driver).target_schema if wanted.driver in registry.names() else {}
    errors = [
        FieldError(f"config.{name}", "target.no_secret", f"{name} looks like a secret.", "Give it as a credential.")
        for name in _secretive(wanted.config, schema)
    ]
    if schema:
        for error in Draft202012Validator(dict(schema)).iter_errors(dict(wanted.config)):
            field = ".".join(["config", *map(str, error.absolute_path)])
            errors.append(FieldError(field, "target.config", error.message[:200], ""))
    return errors


def _secretive(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Names that look like a secret's, but for those that the driver's schema knows or says to hold no value."""
    if isinstance(value, list):
        return [name for inner in value for name in _secretive(inner, {})]
    if not isinstance(value, Mapping) or "x-holds" in schema:
        return []
    known: Mapping[str, Any] = schema.get("properties", {})
    own = [str(key) for key in value if key not in known and SECRETIVE.search(str(key))]
    return [*own, *(name for key, inner in value.items() for name in _secretive(inner, known.get(key, {})))]
