"""Asking for waivers, granting, refusing, withdrawing and ending them. Who may is said in `waivers.py`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import waivers
from policies.decisions import refuse
from policies.engine import Ruling
from policies.models import Team, User, Waiver
from policies.models.waivers import LONGEST, SCOPE
from policies.permissions import Permission, may
from policies.results import Allowed, Denied

State = Waiver.State
OVERRIDE_LASTS = timedelta(days=7)
LONGEST_DAYS = LONGEST.days


@dataclass(frozen=True)
class Wanted:
    """A waiver as it is asked for. `team` owns the object; `field` and `value` are what the rule refused."""

    rule: str
    scope: str
    label: str
    team: Team
    owner: User
    reason: str
    days: int
    ticket: str = ""
    field: str = ""
    value: str = ""


def ask(*, by: User, wanted: Wanted, now: datetime | None = None) -> Waiver | Denied:
    """Ask the rule's owner for a waiver, or for the override of one request. Each refusal is recorded."""
    moment = now or timezone.now()
    if not _is_plain(wanted.rule, wanted.scope, wanted.label, wanted.field, wanted.value, wanted.reason, wanted.ticket):
        return _not_plain()
    denied = _unaskable(by, wanted)
    if denied is not None:
        return _refused(denied, by, wanted.scope, wanted.team)
    try:
        with context(by=by, reason=wanted.reason):
            _end_late(wanted, moment)
            with transaction.atomic():
                waiver = _write(by, wanted, moment)
            _tell("waiver.asked", waiver)
            return waiver
    except IntegrityError as error:
        if "waiver_lives_once" not in str(error):
            raise
    return _refused(_twice(wanted), by, wanted.scope, wanted.team)


def _unaskable(by: User, wanted: Wanted) -> Denied | None:
    """Why this cannot be asked by this person, or None."""
    allowed = may(by, Permission.REQUEST, wanted.team)
    if isinstance(allowed, Denied):
        return allowed
    found = (_wrong_rule(wanted), _wrong_scope(by, wanted), _wrong_words(wanted))
    return next((denied for denied in found if denied is not None), None)


def _wrong_rule(wanted: Wanted) -> Denied | None:
    rule = waivers.rule_of(wanted.rule)
    if rule is None:
        return _wrong("rule", "waiver.rule", f"There is no rule {wanted.rule[:80]}.", "Name a rule in force.")
    if waivers.may_be_asked(rule, wanted.scope):
        return None
    if rule.severity == "warn":
        return _wrong("rule", "waiver.rule", f"The rule {rule.id} only warns.", "Go on without a waiver.")
    return _wrong("rule", "waiver.rule", f"The rule {rule.id} cannot be waived for this.", "Keep to the rule.")


def _wrong_scope(by: User, wanted: Wanted) -> Denied | None:
    known = "One of environment:…, service:…, team:…, or the request that was refused."
    if not re.match(SCOPE, wanted.scope) or len(wanted.scope) > 160:
        return _wrong("scope", "waiver.scope", "There is nothing of this name to waive a rule for.", known)
    kind, _, key = wanted.scope.partition(":")
    if kind != "environment" and wanted.team not in waivers.teams_of(wanted.scope):
        return _wrong("scope", "waiver.scope", f"{wanted.label} is not of the team {wanted.team.name}.", known)
    if kind == "request" and key.split(":")[0] != str(by.pk):
        return _wrong("scope", "waiver.requester", "Only who made a request asks for its override.", known)
    return None


def _wrong_words(wanted: Wanted) -> Denied | None:
    most = OVERRIDE_LASTS.days if wanted.scope.startswith("request:") else LONGEST_DAYS
    if not 1 <= wanted.days <= most:
        return _wrong("days", "waiver.days", f"{wanted.days} days are outside 1 to {most}.", f"At most {most} days.")
    if not wanted.reason.strip():
        return _wrong("reason", "waiver.reason", "A waiver needs a reason.", "Say why the rule cannot be kept.")
    if not may(wanted.owner, Permission.VIEW, wanted.team):
        fix = f"Name somebody of {wanted.team.name}."
        return _wrong("owner", "waiver.owner", f"{wanted.owner} does not belong to the team.", fix)
    return None


def _is_plain(*texts: str) -> bool:
    """Can the database keep it?"""
    return not any("\0" in text or any("\ud800" <= char <= "\udfff" for char in text) for text in texts)


def _not_plain() -> Denied:
    return _wrong("reason", "waiver.text", "It holds a character that cannot be kept.", "Write plain text.")


def _wrong(field: str, rule: str, reason: str, fix: str) -> Denied:
    return Denied(rule, field, reason, fix, "You", 422)


def _twice(wanted: Wanted) -> Denied:
    reason = f"A waiver of {wanted.rule} for {wanted.label} is asked for or granted already."
    return Denied("waiver.once", "scope", reason, "Open the one that lives.", "You", 409)


def _write(by: User, wanted: Wanted, now: datetime) -> Waiver:
    return Waiver.objects.create(
        rule=wanted.rule,
        scope=wanted.scope,
        label=wanted.label[:120],
        team=wanted.team,
        owner=wanted.owner,
        field=wanted.field[:120],
        value=wanted.value[:300],
        reason=wanted.reason.strip(),
        ticket=wanted.ticket.strip()[:200],
        asked_by=by,
        asked_at=now,
        expires_at=now + timedelta(days=wanted.days),
    )


def _end_late(wanted: Wanted, now: datetime) -> None:
    """One that is over and that the clock has not ended yet does not stand in the way of a new one."""
    rows = Waiver.objects.filter(rule=wanted.rule, scope=wanted.scope, state__in=waivers.LIVING, expires_at__lte=now)
    rows.update(state=State.ENDED, ended_at=now, end_reason="Its time is over.")


def grant(*, by: User, waiver: Waiver, reason: str, now: datetime | None = None) -> Waiver | Denied:
    """Waive the rule until the waiver expires. By the rule's owner, never by who asked."""
    return _decide(by, waiver, State.GRANTED, reason, now or timezone.now())


def refuse_waiver(*, by: User, waiver: Waiver, reason: str, now: datetime | None = None) -> Waiver | Denied:
    """Let the rule stand, saying why."""
    return _decide(by, waiver, State.REFUSED, reason, now or timezone.now())


def _decide(by: User, waiver: Waiver, state: str, reason: str, now: datetime) -> Waiver | Denied:
    if not _is_plain(reason):
        return _not_plain()
    denied = _undecidable(by, waiver, reason, now)
    if denied is not None:
        return _refused(denied, by, waiver.audit_ref, waiver.team)
    with context(by=by, reason=reason):
        rows = Waiver.objects.filter(pk=waiver.pk, state=State.ASKED, expires_at__gt=now)
        fields = {"state": state, "decided_by": by, "decided_at": now, "decision_reason": reason.strip()}
        if rows.update(**fields):
            waiver.refresh_from_db()
            _tell(f"waiver.{state}", waiver)
            return waiver
    return _refused(_past(waiver), by, waiver.audit_ref, waiver.team)


def _undecidable(by: User, waiver: Waiver, reason: str, now: datetime) -> Denied | None:
    allowed = waivers.may_decide(by, waiver)
    if isinstance(allowed, Denied):
        return allowed
    if waiver.state != State.ASKED or waiver.expires_at <= now:
        return _past(waiver)
    if not reason.strip():
        return _wrong("reason", "waiver.reason", "A decision on a waiver needs a reason.", "Say why.")
    return None


def _past(waiver: Waiver) -> Denied:
    words = f"This waiver is {State(waiver.state).label.lower()}; there is nothing to decide."
    return Denied("waiver.state", "state", words, "Ask for a new one.", "You", 409)


def withdraw(*, by: User, waiver: Waiver, reason: str, now: datetime | None = None) -> Waiver | Denied:
    """Take back what was asked, or end early what was granted. By who asked, who owns it, or who may decide it."""
    if not _is_plain(reason):
        return _not_plain()
    moment = now or timezone.now()
    allowed = may_withdraw(by, waiver)
    if isinstance(allowed, Denied):
        return _refused(allowed, by, waiver.audit_ref, waiver.team)
    if not reason.strip():
        denied = _wrong("reason", "waiver.reason", "Ending a waiver needs a reason.", "Say why.")
        return _refused(denied, by, waiver.audit_ref, waiver.team)
    with context(by=by, reason=reason):
        state = State.WITHDRAWN if waiver.state == State.ASKED else State.ENDED
        rows = Waiver.objects.filter(pk=waiver.pk, state=waiver.state)
        if waiver.state in waivers.LIVING and rows.update(state=state, ended_at=moment, end_reason=reason.strip()):
            waiver.refresh_from_db()
            _tell(f"waiver.{state}", waiver)
            return waiver
    return _refused(_past(waiver), by, waiver.audit_ref, waiver.team)


def may_withdraw(by: User, waiver: Waiver) -> Allowed | Denied:
    """May this person take it back, or end it early?"""
    if by.is_active and by.pk in {waiver.asked_by_id, waiver.owner_id}:
        return Allowed()
    if waiver.state == State.ASKED:
        who = f"{waiver.asked_by} or {waiver.owner}"
        return Denied("waiver.asker", "state", "Only who asked takes it back.", "Who decides can refuse it.", who)
    return waivers.may_decide(by, waiver)


def use(*, ruling: Ruling, operation: str) -> None:
    """Bind the overrides of a ruling to the one operation that they are for. Call inside an audit context."""
    used = [finding.waiver for finding in ruling.findings if finding.waiver is not None]
    rows = Waiver.objects.filter(pk__in=used, scope__startswith="request:", operation="")
    rows.update(operation=operation)


def _refused(denied: Denied, by: User, subject: str, team: Team) -> Denied:
    return refuse(denied, by=by, subject=subject[:80], kind="waiver", team=team)


def _tell(event: str, waiver: Waiver) -> None:
    """One event for the history and one message for those above."""
    data = {"rule": waiver.rule, "name": waiver.label, "expires_at": waiver.expires_at.isoformat()}
    record(event, object=waiver.audit_ref, scope=f"team:{waiver.team_id}", data=data)
    emit(event, payload={**data, "team": waiver.team_id}, object=waiver.audit_ref)


def remind(*, now: datetime, before: Sequence[int] = (7, 1)) -> int:
    """Say once, for each of these numbers of days, that a granted waiver ends. Inside an audit context."""
    told = 0
    for days in sorted(before):
        due = Waiver.objects.filter(state=State.GRANTED, expires_at__gt=now, expires_at__lte=now + timedelta(days=days))
        for waiver in due.exclude(scope__startswith="request:").exclude(reminded_days__lte=days)[:100]:
            if Waiver.objects.filter(pk=waiver.pk, reminded_days=waiver.reminded_days).update(reminded_days=days):
                _tell("waiver.expiring", waiver)
                told += 1
    return told


def end_due(*, now: datetime) -> int:
    """End what is over. Inside an audit context."""
    ended = 0
    for waiver in Waiver.objects.filter(state__in=waivers.LIVING, expires_at__lte=now)[:100]:
        fields = {"state": State.ENDED, "ended_at": now, "end_reason": "Its time is over."}
        if Waiver.objects.filter(pk=waiver.pk, state=waiver.state).update(**fields):
            waiver.refresh_from_db()
            _tell("waiver.ended", waiver)
            ended += 1
    return ended


def reviewed(waiver: Waiver, *, now: datetime) -> bool:
    """Note that what it let through was judged again; False if somebody did before. Inside an audit context."""
    return bool(Waiver.objects.filter(pk=waiver.pk, state=State.ENDED, reviewed_at=None).update(reviewed_at=now))
