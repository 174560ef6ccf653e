"""Looks again at environments where the write of a lost worker may have landed, or where somebody asked for it.

Observes outside any transaction, compares with what is recorded, and has strays removed.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import stops
from provisioning import ledger, states
from provisioning.actions.change import Ask, draft_for, enqueue
from provisioning.drivers.base import Change, DriverError, EnvironmentSpec, Health
from provisioning.drivers.registry import driver
from provisioning.judging import judge_draft
from provisioning.models import Environment, Operation, Recheck
from provisioning.own_kinds import RECONCILE
from provisioning.redaction import place_of, said_by
from provisioning.runs.healing import MIXED, kept
from provisioning.runs.store import AWAY
from provisioning.specs import spec_of
from provisioning.states import EnvironmentStatus as E
from provisioning.suspicion import ASKED, SUSPECTED

log = logging.getLogger(__name__)
BATCH = 20
BY = "system:recheck"
ORIGIN = "recheck"
HOLD_SECONDS = 60
CAP_SECONDS = 60
COMPARED = frozenset({E.READY, E.SUSPENDED, E.FAILED})

_TAKE = """
UPDATE provisioning_recheck SET due_at = now() + make_interval(secs => %(hold)s), attempts = attempts + 1
WHERE environment_id = (
    SELECT r.environment_id FROM provisioning_recheck r
    WHERE r.due_at <= now() AND NOT EXISTS (
        SELECT 1 FROM provisioning_operation o WHERE o.environment_id = r.environment_id AND o.status = ANY(%(active)s))
    ORDER BY r.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING environment_id, marked_at, cause, reason, attempts
"""


@dataclass(frozen=True)
class Mark:
    """One environment to look at, taken for `HOLD_SECONDS`."""

    environment: UUID
    marked_at: datetime
    cause: str
    reason: str
    attempts: int


@dataclass(frozen=True)
class Seen:
    """What is there beside what is recorded."""

    changes: tuple[Change, ...]
    health: Health

    @property
    def strays(self) -> list[str]:
        return [change.address for change in self.changes if change.action == "destroy"]


def sweep() -> dict[str, int]:
    """Look at what is due and has no operation under way, at most `BATCH`. Safe to run twice at once."""
    done = {"checked": 0, "drifted": 0, "put_off": 0}
    for _ in range(BATCH):
        found = _take()
        if found is None:
            break
        done[_check(found)] += 1
    return done


def _take() -> Mark | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"hold": HOLD_SECONDS, "active": sorted(states.ACTIVE)})
        row = cursor.fetchone()
    return None if row is None else Mark(*row)


def _check(found: Mark) -> str:
    rows = Environment.objects.select_related("service__team", "team", "owner", "target", "template_version__template")
    environment = rows.get(pk=found.environment)
    try:
        seen = look(environment)
    except DriverError as error:
        return _put_off(found, environment, said_by(error))
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the sweep must survive any defect of a driver
        log.error("looking at environment %s stopped by a defect: %s", environment.pk, place_of(error))
        return _put_off(found, environment, "The driver has a defect.")
    return _conclude(found, environment, seen)


def expected(environment: Environment) -> EnvironmentSpec:
    """The environment as recorded, whatever operation failed on it last."""
    return replace(spec_of(environment), suspended=environment.suspended_at is not None)


def look(environment: Environment) -> Seen:
    """Observe and compare. Network, no transaction. Raises driver errors."""
    spec, target = expected(environment), driver(environment.driver)
    observed = target.observe(spec)
    if environment.status == E.DESTROYED or environment.ready_at is None:
        gone = tuple(Change(address, "destroy", dict(observed[address].state)) for address in sorted(observed))
        return Seen(gone, Health("unknown"))
    verb = "suspend" if spec.suspended and "suspend" in target.capabilities else "reconcile"
    plan = target.plan(spec, observed, verb)
    target.discard(plan)
    return Seen(plan.changes, target.health(spec))


def _put_off(found: Mark, environment: Environment, error: str) -> str:
    until = timezone.now() + timedelta(seconds=min(CAP_SECONDS, 2.0**found.attempts))
    if found.cause == ASKED:
        with context(by=BY, reason=found.reason):
            _keep(environment, {"state": "unknown", "error": error, "cause": found.cause})
            Recheck.objects.filter(pk=environment.pk, marked_at=found.marked_at).delete()
    Recheck.objects.filter(pk=environment.pk, marked_at=found.marked_at).update(due_at=until)
    return "put_off"


def _conclude(found: Mark, environment: Environment, seen: Seen) -> str:
    """Record what was seen, unless the environment changed meanwhile: then it is looked at again."""
    asks = found.cause == SUSPECTED and _repairs(environment, seen) and not stops.is_on(*stops.PAUSES_RECONCILE)
    reason = f"{found.reason} Something differs from the record."
    ask = Ask(environment=environment, kind="reconcile", reason=reason, origin=ORIGIN)
    judgement = judge_draft(draft_for(None, ask), point="request") if asks else None
    with context(by=BY, reason=found.reason):
        if not _is_as_read(environment):
            Recheck.objects.filter(pk=environment.pk).update(due_at=timezone.now() + timedelta(seconds=1))
            return "put_off"
        if _is_news(found, environment, seen):
            _keep(environment, _drift_of(found, seen), seen.health)
        if seen.changes:
            _report(found, environment, seen)
        if judgement is not None and judgement.ruling.allowed:
            enqueue(by=None, kind=RECONCILE, ask=ask, judgement=judgement)
        Recheck.objects.filter(pk=environment.pk, marked_at=found.marked_at).delete()
    return "drifted" if seen.changes else "checked"


def _is_news(found: Mark, environment: Environment, seen: Seen) -> bool:
    """Is it worth a record: asked for, or other than what is recorded?"""
    if environment.status not in COMPARED or environment.ready_at is None:
        return False
    known = environment.drift.get("state") == "drift" or environment.health.get("status") == MIXED
    return found.cause == ASKED or bool(seen.changes) or known


def _repairs(environment: Environment, seen: Seen) -> bool:
    """Is the difference mended without being asked? Never in stage and prod: there, people decide."""
    if not seen.changes or environment.is_prod_like or environment.status not in {E.READY, E.SUSPENDED}:
        return False
    return not Operation.objects.filter(environment=environment).exclude(status__in=states.TERMINAL).exists()


def _is_as_read(environment: Environment) -> bool:
    """Lock the environment: is it what was compared, with nothing under way?"""
    now = Environment.objects.select_for_update(of=("self",)).get(pk=environment.pk)
    active = Operation.objects.filter(environment=environment, status__in=states.ACTIVE)
    return (now.status, now.fence) == (environment.status, environment.fence) and not active.exists()


def _drift_of(found: Mark, seen: Seen) -> dict[str, Any]:
    changes = [{"address": change.address, "action": change.action} for change in seen.changes]
    return {"state": "drift" if changes else "same", "changes": changes, "cause": found.cause, "reason": found.reason}


def _keep(environment: Environment, drift: Mapping[str, Any], health: Health | None = None) -> None:
    at = timezone.now().isoformat()
    fields: dict[str, Any] = {"drift": {"at": at, **drift}}
    if health is not None:
        fields["health"] = kept(health)
    Environment.objects.filter(pk=environment.pk).update(**fields)


def _report(found: Mark, environment: Environment, seen: Seen) -> None:
    """A difference is an event and a message; what should not be there at all stands in the ledger."""
    addresses = [change.address for change in seen.changes]
    data = {"name": environment.name, "addresses": addresses[:50], "cause": found.cause}
    record("environment.drifted", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    emit("environment.drifted", payload={"addresses": addresses[:50], "cause": found.cause}, object=environment.ref)
    last = environment.operations.order_by("-created_at").select_related("environment", "team").first()
    if found.cause == SUSPECTED and last is not None:
        ledger.list_left(last, [(address, f"{found.reason} It is not recorded.") for address in seen.strays])
