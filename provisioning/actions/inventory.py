"""What people do with the inventory: read a list or state into it, have a cluster scanned, assign owners.

Only platform engineers: a candidate may belong to anybody. Adopting what is assigned is adopt.py's.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.access.refusals import refuse
from policies.models import Team, User
from policies.permissions import Permission, may
from policies.results import Denied
from provisioning import inventory
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers import registry
from provisioning.inventory import Candidate, Read, RowError
from provisioning.models import InventoryImport, InventoryItem, Target

Source = InventoryImport.Source
MOST_ERRORS = 200


@dataclass(frozen=True)
class List:
    """A list as it came in. `target` where the rows name none."""

    source: str
    name: str
    text: str
    target: str = ""


def import_list(*, by: User, given: List) -> InventoryImport | Denied:
    """Read a CSV list or a Terraform state. What can be used is kept; each other row has its reason."""
    allowed = may(by, Permission.MANAGE_INVENTORY, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object="inventory:")
    if not storable([given.name, given.target]):
        return unstorable("name")
    if given.source not in {Source.CSV, Source.TERRAFORM}:
        return Denied("inventory.source", "source", "A list is CSV or a Terraform state.", status=422)
    if given.source == Source.TERRAFORM:
        read = inventory.read_terraform(given.text, target=given.target)
    else:
        read = inventory.read_csv(given.text)
    with context(by=by, reason=f"inventory from {given.name}"[:200]):
        made = InventoryImport.objects.create(source=given.source, name=given.name[:120], by=by)
        keep(made, read)
    return made


def ask_scan(*, by: User, target: Target) -> InventoryImport | Denied:
    """Have a worker list what exists in a target, within seconds."""
    allowed = may(by, Permission.MANAGE_INVENTORY, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object="inventory:")
    with context(by=by, reason=f"scan of {target.slug}"):
        made = InventoryImport.objects.create(source=Source.CLUSTER, name=target.slug, by=by, target=target)
    return made


def keep(made: InventoryImport, read: Read) -> None:
    """Write what was read: new candidates are added, known ones seen again. Call inside an audit context."""
    targets = {target.slug: target for target in Target.objects.filter(retired_at=None)}
    teams = {team.slug: team for team in Team.objects.all()}
    owners = {user.username: user for user in User.objects.filter(is_active=True)}
    errors, added, known = list(read.errors), 0, 0
    for row, candidate in read.candidates:
        wrong = _unknown(row, candidate, targets, teams, owners)
        if wrong:
            errors += wrong
            continue
        item, is_new = _seen(made, candidate, targets.get(candidate.target))
        added, known = added + is_new, known + (not is_new)
        if candidate.team and item.team is None:
            item.team, item.owner = teams[candidate.team], owners.get(candidate.owner)
            item.save(update_fields=["team", "owner"])
    made.added, made.known, made.finished_at = added, known, timezone.now()
    made.errors = [asdict(error) for error in sorted(errors, key=lambda error: error.row)[:MOST_ERRORS]]
    made.save(update_fields=["added", "known", "errors", "finished_at"])
    record("inventory.read", object=made.ref, data={"added": added, "known": known, "left_out": len(errors)})


def _unknown(
    row: int,
    candidate: Candidate,
    targets: dict[str, Target],
    teams: dict[str, Team],
    owners: dict[str, User],
) -> list[RowError]:
    wrong = []
    target = targets.get(candidate.target)
    if candidate.driver not in registry.names():
        wrong.append(RowError(row, "driver", f"No driver named {candidate.driver} is installed."))
    elif "adopt" not in registry.driver(candidate.driver).capabilities:
        wrong.append(RowError(row, "driver", f"The driver {candidate.driver} cannot adopt."))
    if candidate.target and (target is None or target.driver != candidate.driver):
        wrong.append(RowError(row, "target", f"There is no {candidate.driver} target {candidate.target}."))
    if candidate.team and candidate.team not in teams:
        wrong.append(RowError(row, "team", f"There is no team {candidate.team}."))
    if candidate.owner and candidate.owner not in owners:
        wrong.append(RowError(row, "owner", f"There is nobody named {candidate.owner}."))
    if candidate.owner and not candidate.team:
        wrong.append(RowError(row, "team", "An owner needs a team."))
    return wrong


def _seen(made: InventoryImport, candidate: Candidate, target: Target | None) -> tuple[InventoryItem, bool]:
    return InventoryItem.objects.update_or_create(
        driver=candidate.driver,
        target=target,
        kind=candidate.kind,
        resource_id=candidate.id,
        defaults={"seen_in": made, "seen_at": timezone.now()},
        create_defaults={
            "address": candidate.address,
            "name": candidate.name,
            "seen_in": made,
            "seen_at": timezone.now(),
        },
    )


def assign(*, by: User, items: Iterable[InventoryItem], team: Team, owner: User | None = None) -> int | Denied:
    """Say to which team candidates belong; what is adopted stays as it is. Returns how many were assigned."""
    allowed = may(by, Permission.MANAGE_INVENTORY, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object="inventory:")
    if owner is not None and not owner.memberships.filter(team=team).exists():
        return Denied(
            rule="inventory.owner",
            field="owner",
            reason=f"{owner} is not a member of {team.name}.",
            fix="Choose a member, or nobody.",
            status=422,
        )
    count = 0
    with context(by=by, reason=f"assigned to {team.slug}"):
        wanted = [item.pk for item in items]
        rows = InventoryItem.objects.select_for_update(of=("self",)).select_related("environment")
        for item in rows.filter(pk__in=wanted):
            if item.is_adopted:
                continue
            item.team, item.owner = team, owner
            item.save(update_fields=["team", "owner"])
            count += 1
    return count
