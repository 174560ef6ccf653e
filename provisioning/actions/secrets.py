"""Reveal a secret: authorised and recorded first, committed, then read once outside the transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.context import context
from audit.record import record
from policies import factors
from policies.decisions import refuse
from policies.models import Purpose, User
from policies.permissions import Permission, may
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers.base import DriverError
from provisioning.models import Environment, SecretBinding
from provisioning.vault import Secret, from_settings


@dataclass(frozen=True)
class Grant:
    """A recorded permission to read one secret now. Holds a path, never a value."""

    binding: int
    path: str
    version: int


def authorise_reveal(*, by: User, environment: Environment, name: str, reason: str) -> Grant | Denied:
    """May this person see the value, and why do they need it? The answer is in the history before anything is read."""
    if not storable([name, reason]):
        return unstorable("reason")
    allowed = may(by, Permission.REVEAL_SECRET, environment.service) and factors.need(by, Purpose.REVEAL)
    if isinstance(allowed, Denied):
        return _refused(by, environment, allowed)
    binding = SecretBinding.objects.filter(environment=environment, name=name).first()
    if binding is None:
        missing = Denied("secret.known", "name", f"{environment.name} has no secret {name}.", status=404)
        return _refused(by, environment, missing)
    if len(reason.strip()) < 5:
        return Denied(
            "secret.reason", "reason", "A reveal needs a reason of at least 5 characters.", "Say why.", status=422
        )
    with context(by=by, reason=reason.strip()):
        record(
            "secret.revealed",
            object=environment.ref,
            scope=f"team:{environment.team_id}",
            data={"name": name, "path": binding.path, "version": binding.version},
        )
    return Grant(binding.pk, binding.path, binding.version)


def _refused(by: User, environment: Environment, denied: Denied) -> Denied:
    return refuse(denied, by=by, subject=environment.ref, kind="reveal", team=environment.team)


def read_once(grant: Grant) -> Mapping[str, Secret] | Denied:
    """The values, from Vault, for one answer. Nothing is kept."""
    try:
        found = from_settings().kv_get(grant.path, version=grant.version)
    except DriverError as error:
        return Denied("secret.readable", "", str(error), "Try again later.", "A platform engineer", status=503)
    if found is None:
        return Denied("secret.readable", "", "Vault has no such version.", "Rotate the secret.", "Its team", status=404)
    return found.values
