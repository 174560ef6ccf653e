"""Tries the connection to a target and keeps what its driver says. Asked for by a person, done by a worker."""

import logging

from django.conf import settings
from django.utils import timezone

from audit.context import context
from audit.record import record
from provisioning.drivers.base import DriverError
from provisioning.drivers.registry import driver
from provisioning.models import Target
from provisioning.redaction import place_of, said_by
from provisioning.runs.taking import holder
from provisioning.specs import target_spec

log = logging.getLogger(__name__)
DEFECT = "The check stopped by a defect of the driver. The platform team has the details."


def check_asked() -> int:
    """Check every target of this worker's pools that somebody asked about; how many."""
    asked = Target.objects.filter(check_asked_at__isnull=False, pool__in=settings.BERTH.pools)
    for target in asked:
        _check(target)
    return len(asked)


def _check(target: Target) -> None:
    asked_at = target.check_asked_at
    ok, said = _answer(target)
    with context(by=f"worker:{holder()}", reason=f"check of the target {target.slug}"):
        rows = Target.objects.filter(pk=target.pk, check_asked_at=asked_at)
        if rows.update(check_asked_at=None, checked_at=timezone.now(), check_ok=ok, check_message=said[:300]):
            record("target.checked", object=target.ref, data={"ok": ok, "message": said[:300]})


def _answer(target: Target) -> tuple[bool, str]:
    spec = target_spec(target)
    if spec is None:
        raise ValueError("a target is checked, not a driver's own place")
    try:
        return True, driver(target.driver).check(spec)
    except DriverError as error:
        return False, said_by(error)
    except Exception as error:  # noqa: BLE001 - whatever a driver does, the person gets an answer
        log.error("checking target %s stopped by a defect: %s", target.slug, place_of(error))
        return False, DEFECT
