"""What keeps an operation from beginning, accepted or only drafted: a switch, a stopped line, a window.

The claim asks the same in SQL (turns.py).
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from policies import stops, windows
from policies.models import BrokenGlass, Service, SwitchName
from policies.windowing import Options
from provisioning import facts, kinds
from provisioning.facts import Draft
from provisioning.models import Environment, Operation
from provisioning.states import OperationStatus as S
from provisioning.tiers import Tier


@dataclass(frozen=True)
class Closure:
    """Why it does not begin, in words without a full stop; until when, if that is known."""

    rule: str
    reason: str
    until: datetime | None


def options() -> Options:
    """The tiers and kinds that windows may name; a kind stands for those that policy takes for it too."""
    names = [kind.name for kind in kinds.every() if not kind.judged_as]
    alike = {name: tuple(k.name for k in kinds.every() if name in (k.name, k.judged_as)) for name in names}
    return Options(tuple(Tier.values), alike)


def of(operation: Operation, now: datetime | None = None) -> Closure | None:
    """What holds an operation that waits to be planned, signed or begun, the strongest first; None: nothing does."""
    moment = now or timezone.now()
    found = _switch(operation.origin, moment)
    if found is None and operation.status in {S.QUEUED, S.AWAITING_APPROVAL}:
        found = _stop(operation.environment.service, operation.kind) or _shut(window(operation, moment))
    return found


def of_draft(draft: Draft, now: datetime) -> Closure | None:
    """What would hold it if a person asked for it now and it needed nothing else."""
    return _switch("person", now) or _stop(draft.service, draft.kind) or _shut(facts.window_of(draft, now))


def of_ask(environment: Environment, kind: str, now: datetime) -> Closure | None:
    """What would hold a change of this environment, if a person asked for it now."""
    service = environment.service
    places = {"tier": environment.tier, "team": service.team.slug, "service": service.slug}
    return _switch("person", now) or _stop(service, kind) or _shut(windows.open_now(kind=kind, now=now, **places))


def _switch(origin: str, now: datetime) -> Closure | None:
    none: frozenset[str] = frozenset()
    pauses = {"person": none, "recheck": stops.PAUSES_RECONCILE}.get(origin, stops.PAUSES_SCHEDULES)
    row = stops.on(now).filter(name__in={SwitchName.PROVISIONING.value, *pauses}).first()
    if row is None:
        return None
    return Closure(f"switch.{row.name}", f"{row} by {row.by}: {row.reason.rstrip('.')}", row.ends_at)


def _stop(service: Service, kind: str) -> Closure | None:
    row = stops.stop_of(service, kind)
    if row is None:
        return None
    line = f"The line of {row.service.slug}" if row.service else "Every line"
    return Closure("stop", f"{line} is stopped by {row.stopped_by}: {row.reason.rstrip('.')}", None)


def _shut(found: windows.Open | windows.Closed) -> Closure | None:
    return None if isinstance(found, windows.Open) else Closure(f"window.{found.rule}", found.sentence, found.until)


def window(operation: Operation, now: datetime) -> windows.Open | windows.Closed:
    """What windows say of it. One for which the glass was broken passes them."""
    if _glass(operation, now):
        return windows.Open("break_glass")
    environment = operation.environment
    return windows.open_now(
        kind=operation.kind,
        tier=operation.tier,
        team=operation.team.slug,
        service=environment.service.slug,
        now=now,
    )


def _glass(operation: Operation, now: datetime) -> bool:
    rows = BrokenGlass.objects.filter(subject=operation.ref, digest=operation.change_digest)
    return rows.exists() if operation.plan_locked_at is not None else rows.filter(start_by__gt=now).exists()


def held_midway(operation: Operation, now: datetime | None = None) -> windows.Closed | None:
    """The window after which no further step of it begins, or None."""
    found = window(operation, now or timezone.now())
    return found if isinstance(found, windows.Closed) and found.holds else None
