"""Keeps windows: checks and writes them, and writes down when they last. Whether one holds a change: windows.py."""

import logging
import re
import zoneinfo
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.access.refusals import refuse
from policies.models import Running, Service, Team, User, Window, WindowEffect, WindowOccurrence
from policies.models.windows import LONGEST
from policies.permissions import Permission, may
from policies.recurrence import HORIZON, BadRule, Recurrence, Span, as_kept, spans
from policies.results import Allowed, Denied, FieldError, wrong_fields

log = logging.getLogger(__name__)
# Rows that are nearer to the end of what is written than this are written further by the sweep.
_AHEAD = timedelta(days=399)
_KEPT = timedelta(days=1)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Wanted:
    """A window as it is asked for. Empty scopes stand for any."""

    slug: str
    name: str
    effect: str
    rrule: str
    starts_on: date
    duration: timedelta
    time_zone: str
    reason: str
    starts_at: time = time(0)
    tiers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    running: str = "finish"
    active: bool = True

    def recurrence(self) -> Recurrence:
        return Recurrence(self.rrule, self.starts_on, self.starts_at, self.duration, self.time_zone)


@dataclass(frozen=True)
class Options:
    """What a scope may name: tiers, and kinds with those that go by the name of each."""

    tiers: Collection[str]
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def save(*, by: User, wanted: Wanted, options: Options, window: Window | None = None) -> Window | Denied:
    """Make a window, or change one, and write down when it lasts in the next 400 days."""
    allowed = may(by, Permission.MANAGE_WINDOWS, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=window.ref if window is not None else f"window:{wanted.slug}")
    errors = problems(wanted, options)
    if errors:
        return wrong_fields(errors)
    try:
        with context(by=by, reason=wanted.reason):
            return _write(by, wanted, options, window)
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        return Denied("window.once", "slug", f"A window {wanted.slug} exists.", "Choose another name.", status=409)


def _write(by: User, wanted: Wanted, options: Options, window: Window | None) -> Window:
    row = Window(created_by=by) if window is None else Window.objects.select_for_update().get(pk=window.pk)
    for name in Wanted.__dataclass_fields__:
        value = getattr(wanted, name)
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    row.kinds = sorted({kind for named in wanted.kinds for kind in options.kinds[named]})
    row.rrule = as_kept(wanted.rrule)
    now = timezone.now()
    row.known_until = now + HORIZON
    row.save()
    _put(row, _coming(row, now) if row.active else [])
    record("window.saved", object=row.ref, data={"name": row.slug, "effect": row.effect, "active": row.active})
    emit("window.saved", payload={"slug": row.slug, "effect": row.effect}, object=row.ref)
    return row


def _coming(row: Window, now: datetime) -> list[Span]:
    what = Recurrence(row.rrule, row.starts_on, row.starts_at, row.duration, row.time_zone)
    return spans(what, now - _KEPT, now + HORIZON)


def _put(row: Window, found: list[Span]) -> None:
    """Write the occurrences of a locked window anew."""
    row.occurrences.all().delete()
    WindowOccurrence.objects.bulk_create(WindowOccurrence(window=row, during=span) for span in found)


def refresh(now: datetime | None = None) -> int:
    """Write further what comes near its end. The sweep of every hour; safe to run twice at once.

    A rule that cannot be counted any more keeps what is written and holds up no other: where that ends, a freeze
    counts as lasting and an allowance as over, and what waits says so.
    """
    moment, written = now or timezone.now(), 0
    due = Window.objects.filter(active=True, known_until__lt=moment + _AHEAD)
    for pk in due.values_list("pk", flat=True):
        with context(by="system:windows", reason="occurrences of the coming days"):
            row = Window.objects.select_for_update(skip_locked=True).filter(pk=pk, active=True).first()
            if row is None or row.known_until >= moment + _AHEAD:
                continue
            try:
                found = _coming(row, moment)
            except (BadRule, zoneinfo.ZoneInfoNotFoundError) as error:
                log.error("window %s cannot be written further: %s", row.slug, error)
                continue
            _put(row, found)
            row.known_until = moment + HORIZON
            row.save(update_fields=["known_until"])
            written += 1
    return written


def upcoming(what: Recurrence, now: datetime, count: int = 5) -> list[Span]:
    """The next occurrences, the present one included. Raises BadRule."""
    return spans(what, now, now + HORIZON)[:count]


def next_five(row: Window, now: datetime) -> list[Span]:
    """The next occurrences of a window as they are written down, the present one included."""
    found = row.occurrences.filter(during__endswith__gt=now).order_by("during")[:5]
    return [(each.during.lower, each.during.upper) for each in found]


def preview(*, by: User, wanted: Wanted, options: Options) -> list[Span] | Denied:
    """When a window as it is asked for would last next; writes nothing."""
    allowed = may(by, Permission.MANAGE_WINDOWS, None)
    if isinstance(allowed, Denied):
        return allowed
    errors = problems(wanted, options)
    return wrong_fields(errors) if errors else upcoming(wanted.recurrence(), timezone.now())


def problems(wanted: Wanted, options: Options) -> list[FieldError]:
    """Every field that is wrong, with how to mend it."""
    errors = [*_words(wanted), *_scope(wanted, options)]
    if wanted.time_zone not in zoneinfo.available_timezones():
        return [*errors, _error("time_zone", "It is no time zone.", "Take a name such as Europe/Stockholm.")]
    if not timedelta(minutes=1) <= wanted.duration <= LONGEST:
        return [*errors, _error("duration", "Between 1 minute and 366 days.")]
    today = timezone.now().date()
    if not today - timedelta(days=3660) <= wanted.starts_on <= today + timedelta(days=3660):
        return [*errors, _error("starts_on", "Within ten years of today.")]
    try:
        if not upcoming(wanted.recurrence(), timezone.now()) and wanted.active:
            errors.append(_error("rrule", f"It does not recur in the next {HORIZON.days} days.", "Look at its dates."))
    except BadRule as error:
        errors.append(_error("rrule", str(error), "As in FREQ=WEEKLY;BYDAY=FR or FREQ=DAILY;COUNT=1."))
    return errors


def _words(wanted: Wanted) -> list[FieldError]:
    errors = []
    if not _SLUG.fullmatch(wanted.slug):
        errors.append(_error("slug", "1 to 40 small letters, digits and hyphens.", "As in no-friday-releases."))
    if not 1 <= len(wanted.name.strip()) <= 80:
        errors.append(_error("name", "Between 1 and 80 characters."))
    if not 1 <= len(wanted.reason.strip()) <= 200:
        errors.append(_error("reason", "Between 1 and 200 characters.", "Say why: everybody who waits reads it."))
    if len(wanted.rrule) > 200:
        errors.append(_error("rrule", "At most 200 characters."))
    if wanted.effect not in WindowEffect.values:
        errors.append(_error("effect", f"One of {', '.join(WindowEffect.values)}."))
    if wanted.running not in Running.values:
        errors.append(_error("running", f"One of {', '.join(Running.values)}."))
    return errors


def _scope(wanted: Wanted, options: Options) -> list[FieldError]:
    known = {
        "tiers": set(options.tiers),
        "kinds": set(options.kinds),
        "teams": set(Team.objects.filter(slug__in=wanted.teams).values_list("slug", flat=True)),
        "services": set(Service.objects.filter(slug__in=wanted.services).values_list("slug", flat=True)),
    }
    unknown = {name: sorted(set(getattr(wanted, name)) - found) for name, found in known.items()}
    return [_error(name, f"There is no {', '.join(names)}.") for name, names in unknown.items() if names]


def _error(name: str, message: str, fix: str = "") -> FieldError:
    return FieldError(name, f"window.{name}", message, fix)


def retire(*, by: User, window: Window, reason: str) -> Allowed | Denied:
    """Put a window out of force at once. Its row stays; saving it as active brings it back."""
    allowed = may(by, Permission.MANAGE_WINDOWS, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=window.ref)
    if not reason.strip():
        return Denied("window.reason", "reason", "Say why.", status=422)
    with context(by=by, reason=reason):
        row = Window.objects.select_for_update().get(pk=window.pk)
        row.active = False
        row.save(update_fields=["active"])
        row.occurrences.all().delete()
        record("window.retired", object=row.ref, data={"name": row.slug, "reason": reason[:200]})
        emit("window.retired", payload={"slug": row.slug}, object=row.ref)
    return Allowed()
