"""Lists what exists in a target for the inventory. Network; finds its rows by itself, so a lost hint loses nothing."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.context import context
from provisioning.actions.inventory import keep
from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.registry import driver
from provisioning.inventory import Read, RowError, checked
from provisioning.models import InventoryImport
from provisioning.redaction import said_by
from provisioning.specs import target_spec

BATCH = 5


def sweep() -> int:
    """Do the scans that were asked for, each once; how many. A target that is away is said to be so."""
    waiting = InventoryImport.objects.filter(source=InventoryImport.Source.CLUSTER, finished_at=None)
    return sum(_scan(pk) for pk in waiting.order_by("created_at").values_list("pk", flat=True)[:BATCH])


def _scan(pk: UUID) -> bool:
    asked = InventoryImport.objects.select_related("target", "by").get(pk=pk)
    found = _found(asked)
    with context(by=asked.by, reason=f"scan of {asked.name}"), transaction.atomic():
        row = InventoryImport.objects.select_for_update(skip_locked=True).filter(pk=pk, finished_at=None).first()
        if row is None:
            return False
        keep(row, found)
    return True


def _found(asked: InventoryImport) -> Read:
    target = target_spec(asked.target)
    if asked.target is None or target is None:
        return Read(errors=(RowError(0, "target", "It has no target."),))
    try:
        existing = driver(asked.target.driver).inventory(target)
    except (DriverUnavailable, DriverRejected) as error:
        return Read(errors=(RowError(0, "target", f"{timezone.now():%H:%M} UTC: {said_by(error)}"),))
    place = {"driver": asked.target.driver, "target": target.name}
    return checked((number, {**place, **vars(thing)}) for number, thing in enumerate(existing, 1))
