"""Stopped lines and switches: pulling, lifting, what is in force now. Rows are read each time, none is kept."""

from datetime import datetime

from django.db import IntegrityError
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.access.refusals import refuse, scope_of
from policies.models import Service, Stop, Switch, SwitchName, User
from policies.models.windows import LONGEST_SWITCH, SHORTEST_SWITCH
from policies.permissions import Permission, may, owners_of, teams_with
from policies.results import Allowed, Denied
from policies.windows import EXEMPT

BY = "system:switches"
# In read-only mode nobody could prolong, keep or mend what the clock would end, so the clock waits as well.
PAUSES_SCHEDULES = frozenset({SwitchName.SCHEDULES.value, SwitchName.READ_ONLY.value})
PAUSES_RECONCILE = frozenset({SwitchName.RECONCILE.value, SwitchName.READ_ONLY.value})


def stop(*, by: User, service: Service | None, reason: str) -> Stop | Denied:
    """Stop the line of a service, or of everything: what is queued does not start, what runs finishes."""
    allowed = may(by, Permission.STOP_THE_LINE, service)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"stop:{_line(service)}", where=service)
    wrong = _unsaid(reason)
    if wrong is not None:
        return wrong
    try:
        with context(by=by, reason=reason):
            made = Stop.objects.create(service=service, reason=reason.strip(), stopped_by=by)
            _announce("line.stopped", made, reason)
    except IntegrityError as error:
        if "stopped_once" not in str(error):
            raise
        there = open_stops().filter(service=service).first()
        said = f"{there.stopped_by} has stopped it already: {there.reason}" if there else "It was stopped just now."
        return Denied("stop.once", "service", said, "Another person lifts it.", status=409)
    return made


def lift(*, by: User, stop: Stop, reason: str) -> Allowed | Denied:
    """Let a line go on. Never by the person who stopped it."""
    allowed = may_lift(by, stop)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=stop.ref, where=stop.service)
    wrong = _unsaid(reason)
    if wrong is not None:
        return wrong
    with context(by=by, reason=reason):
        now = timezone.now()
        rows = Stop.objects.filter(pk=stop.pk, lifted_at=None).exclude(stopped_by=by)
        if not rows.update(lifted_by=by, lifted_at=now, lift_reason=reason.strip()):
            return Denied("stop.lifted", "stop", "It was lifted before.", status=409)
        _announce("line.lifted", stop, reason)
    return Allowed()


def may_lift(by: User, stop: Stop) -> Allowed | Denied:
    """May this person let the line go on? The right reaches it, and somebody else stopped it."""
    allowed = may(by, Permission.STOP_THE_LINE, stop.service)
    if isinstance(allowed, Denied) or stop.stopped_by_id != by.pk:
        return allowed
    who = f"{owners_of(stop.service.team)}, or a platform engineer" if stop.service else "Another platform engineer"
    fix = "Ask somebody else to look whether the reason is gone."
    return Denied("stop.second_person", "lifted_by", "You stopped it, so you cannot lift it.", fix, who)


def _line(service: Service | None) -> str:
    return service.slug if service else "everything"


def _announce(topic: str, row: Stop, reason: str) -> None:
    service, why = row.service, reason.strip()
    record(topic, object=row.ref, scope=scope_of(service), data={"name": _line(service), "reason": why})
    emit(topic, payload={"service": service.slug if service else "", "reason": why}, object=row.ref)


def open_stops() -> QuerySet[Stop]:
    """The lines that are stopped now, everything first."""
    return (
        Stop.objects.filter(lifted_at=None).select_related("service__team", "stopped_by").order_by("-service_id", "pk")
    )


def open_to(user: User) -> QuerySet[Stop]:
    """Those of them that concern this person: of everything, and of services of teams that they may see."""
    return open_stops().filter(_seen_by(user))


def visible_to(user: User) -> QuerySet[Stop]:
    """Stops that concern or concerned this person; those in force first."""
    rows = Stop.objects.filter(_seen_by(user)).select_related("service__team", "stopped_by", "lifted_by")
    return rows.order_by(F("lifted_at").desc(nulls_first=True), "-pk")


def _seen_by(user: User) -> Q:
    return Q(service=None) | Q(service__team__in=teams_with(user, Permission.VIEW))


def stop_of(service: Service, kind: str) -> Stop | None:
    """What stops a change of this service, or None. Going back is not stopped: it is the remedy."""
    if kind in EXEMPT:
        return None
    return open_stops().filter(Q(service=None) | Q(service=service)).first()


def switch_on(*, by: User, name: str, reason: str, ends_at: datetime) -> Switch | Denied:
    """Use a switch until a planned end, at which it ends by itself."""
    allowed = may(by, Permission.USE_SWITCHES, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"switch:{name}")
    now = timezone.now()
    if name not in SwitchName.values:
        return Denied("switch.known", "name", f"One of {', '.join(SwitchName.values)}.", status=422)
    wrong = _unsaid(reason)
    if wrong is not None:
        return wrong
    if not now + SHORTEST_SWITCH <= ends_at <= now + LONGEST_SWITCH:
        fix = "Plan its end; it can be used again, or ended before."
        return Denied("switch.end", "ends_at", "Between one minute and 7 days from now.", fix, status=422)
    try:
        with context(by=by, reason=reason):
            _end_over(now, Switch.objects.filter(name=name))
            made = Switch.objects.create(name=name, reason=reason.strip(), by=by, began_at=now, ends_at=ends_at)
            _tell("switch.on", made)
    except IntegrityError as error:
        if "switch_used_once" not in str(error):
            raise
        return Denied("switch.once", "name", "It is on already.", "End it first, or let it be.", status=409)
    return made


def switch_off(*, by: User, name: str) -> Switch | Denied:
    """End a switch before its planned end, and answer the use that ended."""
    allowed = may(by, Permission.USE_SWITCHES, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"switch:{name}")
    with context(by=by):
        row = on().select_for_update(of=("self",)).filter(name=name).first()
        if row is None:
            return Denied("switch.off", "name", "It is not on.", status=409)
        row.ended_at, row.ended_by = timezone.now(), by
        row.save(update_fields=["ended_at", "ended_by"])
        _tell("switch.off", row)
    return row


def end_over() -> int:
    """Record the ends that were planned and have come. A switch has no effect after its end, also without this."""
    now = timezone.now()
    due = Switch.objects.filter(ended_at=None, ends_at__lte=now)
    if not due.exists():
        return 0
    with context(by=BY, reason="its planned end has come"):
        return _end_over(now, Switch.objects.all())


def _end_over(now: datetime, rows: QuerySet[Switch]) -> int:
    due = list(rows.select_for_update(of=("self",)).filter(ended_at=None, ends_at__lte=now))
    for row in due:
        Switch.objects.filter(pk=row.pk).update(ended_at=row.ends_at)
        _tell("switch.off", row)
    return len(due)


def _tell(topic: str, row: Switch) -> None:
    data = {"switch": row.name, "reason": row.reason, "ends_at": row.ends_at.isoformat()}
    record(topic, object=row.ref, data={**data, "name": row.name})
    emit(topic, payload=data, object=row.ref)


def on(now: datetime | None = None) -> QuerySet[Switch]:
    """The switches that are on now."""
    rows = Switch.objects.filter(ended_at=None, ends_at__gt=now or timezone.now())
    return rows.select_related("by").order_by("name")


def is_on(*names: str) -> bool:
    """Is one of these switches on? One small read, never kept."""
    return on().filter(name__in=names).exists()


def _unsaid(reason: str) -> Denied | None:
    if 1 <= len(reason.strip()) <= 200 and "\x00" not in reason:
        return None
    fix = "Everybody who waits reads it."
    return Denied("stop.reason", "reason", "Say why, in 1 to 200 characters.", fix, status=422)
