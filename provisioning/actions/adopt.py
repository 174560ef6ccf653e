"""Brings existing resources under management as a new environment, without touching them.

What may be adopted is decided by the inventory: only what is assigned to the environment's team. The plan of such an
operation holds imports and nothing else, or is refused before anybody is asked to sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from policies.decisions import refuse
from policies.models import User
from policies.results import Denied, FieldError
from provisioning import inventory, targets
from provisioning.actions.request import Wanted, request_environment
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers import registry
from provisioning.models import InventoryItem, Operation

MOST = 200


def adopt(
    *, by: User, wanted: Wanted, items: Sequence[UUID], addresses: Mapping[UUID, str] | None = None, key: str = ""
) -> Operation | Denied:
    """Ask for an environment of what exists. `addresses`: what the template calls an item, where it differs."""
    if not 1 <= len(set(items)) <= MOST:
        return _wrong("items", "adopt.items", f"Choose between 1 and {MOST} resources.")
    if not storable(dict(addresses or {}).values()):
        return unstorable("addresses")
    rows = {row.pk: row for row in InventoryItem.objects.filter(pk__in=items).select_related("environment", "target")}
    names = {pk: (addresses or {}).get(pk, "").strip() or row.address for pk, row in rows.items()}
    problem = _problem(wanted, set(items), rows, names)
    if problem is not None:
        return refuse(problem, by=by, subject=f"request:{wanted.name[:63]}", kind="adopt", team=wanted.service.team)
    imports = {names[pk]: row.resource_id for pk, row in rows.items()}
    return request_environment(by=by, wanted=replace(wanted, imports=imports, items=tuple(sorted(rows))), key=key)


def _problem(
    wanted: Wanted, items: set[UUID], rows: Mapping[UUID, InventoryItem], names: Mapping[UUID, str]
) -> Denied | None:
    """What is wrong with the choice, beside what every request is asked."""
    version, team, target = wanted.version, wanted.service.team, targets.of_version(wanted.version)
    free = [row for row in rows.values() if row.team_id == team.pk]
    if len(free) < len(items):
        return replace(inventory.gone(), rule="adopt.assigned", who="A platform engineer assigns them")
    if "adopt" not in registry.driver(version.driver).capabilities:
        return _wrong("template", "adopt.driver", f"The driver {version.driver} cannot adopt.")
    if any(row.driver != version.driver or row.target_id not in {None, target and target.pk} for row in free):
        return _wrong("template", "adopt.target", "The template works in another place than these resources.")
    if len({*names.values()}) < len(names) or any(len(name) > 160 for name in names.values()):
        return _wrong("addresses", "adopt.addresses", "Each resource needs an address of its own, of 160 characters.")
    return None


def _wrong(field: str, rule: str, reason: str) -> Denied:
    return Denied(rule, field, reason, status=422, errors=(FieldError(field, rule, reason),))
