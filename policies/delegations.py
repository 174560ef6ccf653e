"""Standing in while somebody is away: made by the one who leaves, or by an owner of a team for its absent member."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.decisions import refuse
from policies.models import Delegation, Membership, Team, User
from policies.permissions import Permission, may
from policies.results import Denied

LONGEST = timedelta(days=90)


@dataclass(frozen=True)
class Absence:
    """Who is away, who signs instead, for which team (None: every one), and for how long."""

    of: User
    to: User
    starts_at: datetime
    ends_at: datetime
    reason: str
    team: Team | None = None


def delegate(*, by: User, absence: Absence) -> Delegation | Denied:
    """Let somebody sign for an absent person. It gives no right that the absent person lacks when it is used."""
    denied = _not_theirs(by, absence)
    denied = _wrong(absence) if denied is None else denied
    if denied is not None:
        return _refused(denied, by, absence)
    with context(by=by, reason=absence.reason.strip()):
        made = Delegation.objects.create(**{**vars(absence), "reason": absence.reason.strip()}, made_by=by)
        _told(made, "delegation.made")
        emit("approval.delegated", payload={"to": [absence.to.username], "of": absence.of.username}, object=_ref(made))
    return made


def end(*, by: User, delegation: Delegation) -> Delegation | Denied:
    """End a delegation before its time."""
    absence = Absence(
        delegation.of, delegation.to, delegation.starts_at, delegation.ends_at, delegation.reason, delegation.team
    )
    denied = None if by.pk == delegation.to_id else _not_theirs(by, absence)
    if denied is not None:
        return _refused(denied, by, absence)
    with context(by=by, reason="delegation ended"):
        if Delegation.objects.filter(pk=delegation.pk, ended_at=None).update(ended_at=timezone.now()):
            _told(delegation, "delegation.ended")
    delegation.refresh_from_db()
    return delegation


def _ref(delegation: Delegation) -> str:
    return f"delegation:{delegation.pk}"


def _told(delegation: Delegation, event: str) -> None:
    data = {"of": delegation.of.audit_ref, "to": delegation.to.audit_ref, "until": delegation.ends_at}
    scope = f"team:{delegation.team_id}" if delegation.team_id else ""
    record(event, object=_ref(delegation), scope=scope, data=data)


def _not_theirs(by: User, absence: Absence) -> Denied | None:
    """Nobody gives away what another may do, but an owner of the one team it is for."""
    if by.pk == absence.of.pk:
        return None
    if absence.team is None:
        reason = f"Only {absence.of} may name somebody for everything."
        return Denied("delegation.own", "of", reason, "Name one team, as its owner.", str(absence.of))
    if not Membership.objects.filter(user=absence.of, team=absence.team).exists():
        return Denied("delegation.member", "of", f"{absence.of} is no member of {absence.team.name}.", status=422)
    allowed = may(by, Permission.MANAGE_TEAM, absence.team)
    return allowed if isinstance(allowed, Denied) else None


def _wrong(absence: Absence) -> Denied | None:
    now = timezone.now()
    if absence.of.pk == absence.to.pk:
        return Denied("delegation.another", "to", "Nobody stands in for themselves.", "Name another.", status=422)
    if not absence.to.is_active or not absence.of.is_active:
        return Denied("delegation.active", "to", "Both must have an active account.", status=422)
    if absence.ends_at <= max(absence.starts_at, now):
        return Denied("delegation.ends", "ends_at", "It ends before it begins.", "Choose a later end.", status=422)
    if absence.ends_at - absence.starts_at > LONGEST:
        return Denied("delegation.longest", "ends_at", f"At most {LONGEST.days} days.", "Renew it later.", status=422)
    if not absence.reason.strip() or len(absence.reason) > 200:
        return Denied("delegation.reason", "reason", "It needs a reason of at most 200 signs.", status=422)
    return None


def _refused(denied: Denied, by: User, absence: Absence) -> Denied:
    """A team's refusal is recorded with the team; a wrong field of one's own is only said."""
    if absence.team is None:
        return denied
    return refuse(denied, by=by, subject=f"user:{absence.of.pk}", kind="delegate", team=absence.team)
