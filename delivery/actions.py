"""What people do with releases: register one, deploy, promote, roll back."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError

from audit.context import context
from audit.record import record
from delivery.models import Release
from delivery.selectors import previous_release
from policies.decisions import refuse
from policies.models import Service, User
from policies.permissions import Permission, may
from policies.results import Denied, FieldError, wrong_fields
from provisioning.actions.change import Ask, submit
from provisioning.actions.storable import storable, unstorable
from provisioning.digest import sha256
from provisioning.models import Environment, Operation

VERSION = re.compile(r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,39}$")
DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
LARGEST_ARTIFACT = 10_000


def register_release(
    *, by: User, service: Service, version: str, artifact: Mapping[str, Any], digest: str = "", notes: str = ""
) -> Release | Denied:
    """Register an immutable release. Without a digest, it is that of the artifact description."""
    allowed = may(by, Permission.DEPLOY, service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=f"service:{service.pk}", kind="release", team=service.team)
    if not storable([artifact, notes]):
        return unstorable("artifact")
    errors = _errors(version, artifact, digest, notes)
    if errors:
        return wrong_fields(errors)
    address = digest or sha256({"service": service.slug, "version": version, "artifact": artifact})
    known = Release.objects.filter(service=service, version=version).first()
    if known is not None:
        return known if known.digest == address else _taken(by, known)
    try:
        with context(by=by):
            release = Release.objects.create(
                service=service,
                team=service.team,
                version=version,
                digest=address,
                artifact=dict(artifact),
                notes=notes,
                created_by=by,
            )
            record("release.registered", object=f"release:{release.pk}", scope=f"team:{service.team_id}")
    except IntegrityError:
        known = Release.objects.get(service=service, version=version)
        return known if known.digest == address else _taken(by, known)
    return release


def _errors(version: str, artifact: Mapping[str, Any], digest: str, notes: str) -> tuple[FieldError, ...]:
    errors = []
    if not VERSION.fullmatch(version):
        errors.append(
            FieldError("version", "release.version", "1 to 40 letters, digits and . + _ -", "For example 2026.11.5.")
        )
    if digest and not DIGEST.fullmatch(digest):
        errors.append(FieldError("digest", "release.digest", "It must be sha256: and 64 hexadecimal digits."))
    if len(str(artifact)) > LARGEST_ARTIFACT:
        errors.append(FieldError("artifact", "release.artifact", f"At most {LARGEST_ARTIFACT} characters."))
    if len(notes) > 300:
        errors.append(FieldError("notes", "release.notes", "At most 300 characters."))
    return tuple(errors)


def _taken(by: User, known: Release) -> Denied:
    denied = Denied(
        rule="release.immutable",
        field="version",
        reason=f"{known.version} is registered with another digest ({known.digest[7:13]}).",
        fix="A release never changes: give this one a new version.",
        status=409,
    )
    return refuse(denied, by=by, subject=f"service:{known.service_id}", kind="release", team=known.team)


def deploy(
    *, by: User, environment: Environment, release: Release, reason: str = "", key: str = ""
) -> Operation | Denied:
    """Ask for a release to arrive in a lower-tier environment."""
    return _submit(by, environment, "deploy", release, reason, key)


def promote(
    *, by: User, environment: Environment, release: Release, reason: str = "", key: str = ""
) -> Operation | Denied:
    """Ask for a release to move up to this environment."""
    return _submit(by, environment, "promote", release, reason, key)


def roll_back(*, by: User, environment: Environment, reason: str = "", key: str = "") -> Operation | Denied:
    """Ask for the release that ran here before the present one."""
    allowed = may(by, Permission.DEPLOY, environment.service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=environment.ref, kind="rollback", team=environment.team)
    release = previous_release(environment)
    if release is None:
        denied = Denied(
            rule="release.ran_before",
            field="environment",
            reason=f"No release ran in {environment.name} before this one.",
            fix="Promote another release.",
            status=409,
        )
        return refuse(denied, by=by, subject=environment.ref, kind="rollback", team=environment.team)
    return _submit(by, environment, "rollback", release, reason, key)


def _submit(
    by: User, environment: Environment, kind: str, release: Release, reason: str, key: str
) -> Operation | Denied:
    ask = Ask(environment=environment, kind=kind, arguments={"release": release.as_spec()}, reason=reason)
    return submit(by=by, ask=ask, key=key)
