"""Mixed versions after a release moved: noticed by the driver's health, mended by trying again, else by going back.

Going back is the ordinary compensation of outcome.py; here stand noticing, counting and timing.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from provisioning import kinds, lifecycle
from provisioning.drivers.base import (
    Change,
    DriverRejected,
    DriverUnavailable,
    EnvironmentSpec,
    Health,
    LeaseLost,
)
from provisioning.models import Environment, Operation
from provisioning.runs.claimed import Work, planned_steps

MOST_TRIES = 3
MOVES = frozenset({"deploy", "reconcile"})
MIXED = "mixed"


def health_of(work: Work, spec: EnvironmentSpec) -> Health:
    """What the target says of the environment, where a release moved."""
    if kinds.of(work.operation).verb not in MOVES:
        return Health("unknown")
    return work.target.health(spec)


def is_partial(work: Work, health: Health, left: tuple[Change, ...]) -> bool:
    """Did the release arrive only in part?"""
    return health.status == MIXED or bool(left and kinds.of(work.operation).verb == "deploy")


def notice(work: Work, spec: EnvironmentSpec) -> None:
    """Whoever takes over a move of a release looks first whether it stopped half way."""
    health = health_of(work, spec)
    if health.status == MIXED:
        _write(work, health, tries=int(work.operation.healing.get("tries", 0)))


def mend(work: Work, spec: EnvironmentSpec, health: Health) -> None:
    """Run again what is not done, and look once more later; after too many tries, give up so that it is undone.

    Always raises: DriverUnavailable to be looked at again, DriverRejected to go back to the release before.
    """
    tries = int(work.operation.healing.get("tries", 0)) + 1
    _write(work, health, tries=min(tries, MOST_TRIES))
    said = health.reason or "The release arrived only in part."
    if tries > MOST_TRIES:
        raise DriverRejected(f"{said} Trying again {MOST_TRIES} times did not mend it.")
    for row, step in planned_steps(work):
        if not step.done(work.target.observe(spec)):
            work.log.step = row.name
            work.guard()
            with work.heartbeat.limit(step.limit_s):
                step.apply(work.key(), work.log)
    raise DriverUnavailable(f"{said} It is being mended, try {tries} of {MOST_TRIES}.")


def _write(work: Work, health: Health, *, tries: int) -> None:
    operation = work.operation
    releases = list(health.releases)
    found_at = operation.healing.get("found_at") or timezone.now().isoformat()
    operation.healing = {"found_at": found_at, "releases": releases, "tries": tries}
    work.log(f"Mixed versions: {', '.join(releases) or health.reason or 'the release arrived only in part'}")
    with context(by=work.by, operation=operation.ref):
        if not lifecycle.hold(work.lease):
            raise LeaseLost("the lease ended before mixed versions were recorded")
        Operation.objects.filter(pk=operation.pk).update(healing=operation.healing)
        Environment.objects.filter(pk=operation.environment_id).update(health=kept(health))
        data = {"releases": releases, "tries": tries}
        record("operation.mixed", object=operation.ref, scope=f"team:{operation.team_id}", data=data)
        if tries <= 1:
            emit("environment.mixed", payload={"releases": releases}, object=operation.environment.ref)


def kept(health: Health) -> dict[str, Any]:
    """A health as an environment keeps it."""
    return {"at": timezone.now().isoformat(), **asdict(health), "releases": list(health.releases)}


def ended(operation: Operation, *, by: str) -> dict[str, Any]:
    """The fields that say how mixed versions ended and after how many seconds; none when there were none.

    Call inside an audit context.
    """
    if not operation.healing or "ended_at" in operation.healing:
        return {}
    now = timezone.now()
    seconds = round((now - datetime.fromisoformat(operation.healing["found_at"])).total_seconds(), 3)
    done = {**operation.healing, "ended_at": now.isoformat(), "by": by, "seconds": seconds}
    record(
        "operation.healed",
        object=operation.ref,
        scope=f"team:{operation.team_id}",
        data={"by": by, "seconds": seconds, "releases": operation.healing["releases"]},
    )
    return {"healing": done}
