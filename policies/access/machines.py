"""Service accounts: machines that a team owns, which act with scoped, expiring, rotatable tokens and nothing else."""

import re
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import factors, tokens
from policies.access.refusals import invalid, refuse
from policies.models import ApiToken, Membership, Purpose, Team, User
from policies.permissions import Permission, may, teams_with
from policies.results import Allowed, Denied

NAME = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")
LONGEST_OVERLAP = timedelta(hours=24)
SCOPES = tuple(scope for scope in tokens.SCOPES if scope not in {"approve", "access"})


def managed_by(user: User) -> QuerySet[User]:
    """Service accounts of the teams that the person manages."""
    teams = teams_with(user, Permission.MANAGE_TEAM) | teams_with(user, Permission.MANAGE_ACCESS)
    return User.objects.filter(is_service=True, owning_team__in=teams).select_related("owning_team")


def manages(user: User, team: Team) -> Allowed | Denied:
    """May the person look after the team's service accounts?"""
    return may(user, Permission.MANAGE_ACCESS, team) or may(user, Permission.MANAGE_TEAM, team)


def create(*, by: User, team: Team, name: str, role: str) -> User | Denied:
    """Make a service account that is viewer or developer of its team."""
    allowed = manages(by, team)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=team_ref(team), where=team)
    username = f"{team.slug}-{name}"[:150]
    denied = None
    if not NAME.match(name):
        denied = invalid("machine.name", "name", "3 to 40 of a-z, 0-9 and -.", "Say what it does, as deploy-bot.")
    elif role not in {"viewer", "developer"}:
        denied = invalid("machine.role", "role", "A machine is viewer or developer.", "Choose one of the two.")
    elif User.objects.filter(username=username).exists():
        denied = invalid("machine.once", "name", f"{username} exists.", "Choose another name.")
    if denied is not None:
        return refuse(denied, by=by, object=team_ref(team), where=team)
    with context(by=by):
        made = User(username=username, full_name=f"{name} of {team.name}", is_service=True, owning_team=team)
        made.set_unusable_password()
        made.save()
        Membership.objects.create(user=made, team=team, role=role)
        record("machine.created", object=made.audit_ref, scope=team_ref(team), data={"name": username, "role": role})
    return made


def mint(*, by: User, machine: User, name: str, scopes: list[str], days: int) -> tuple[ApiToken, str] | Denied:
    """A token of the machine, shown once. Machines approve nothing, so no token of theirs can."""
    denied = _not_theirs(by, machine)
    if denied is None and set(scopes) - set(SCOPES):
        denied = invalid("token.scopes", "scopes", f"One or more of {', '.join(SCOPES)}.", "Choose the fewest.")
    if denied is not None:
        return refuse(denied, by=by, object=machine.audit_ref, where=machine.owning_team)
    return tokens.create(by=by, name=name, scopes=scopes, days=days, owner=machine)


def rotate(*, by: User, token: ApiToken, overlap_hours: int = 24) -> tuple[ApiToken, str] | Denied:
    """A new value for the same use; the old one ends after the overlap, at most a day from now."""
    denied = None if token.user_id == by.pk else _not_theirs(by, token.user)
    if denied is None and not by.is_service:
        allowed = factors.to_mint(by, carried_too=False)
        denied = allowed if isinstance(allowed, Denied) else None
    now = timezone.now()
    if denied is None and not 0 <= overlap_hours <= LONGEST_OVERLAP // timedelta(hours=1):
        denied = invalid("token.overlap", "overlap_hours", "The overlap is 0 to 24 hours.", "Choose fewer hours.")
    if denied is None and (token.revoked_at or token.expires_at <= now):
        denied = Denied("token.live", "token", "The token has ended.", "Make a new one.", "You", status=409)
    if denied is None and ApiToken.objects.filter(replaces=token).exists():
        denied = Denied("token.once", "token", "It has been rotated already.", "Rotate the new one.", "You", status=409)
    if denied is None:
        denied = _unproved(by)
    if denied is not None:
        return refuse(denied, by=by, object=f"token:{token.pk}", where=token.user.owning_team)
    return tokens.replace(by=by, token=token, overlap=timedelta(hours=overlap_hours))


def _unproved(by: User) -> Denied | None:
    """A new value is a token made; a machine, which has no second factor, may renew its own."""
    allowed = Allowed() if by.is_service else factors.need(by, Purpose.MINT_TOKEN)
    return allowed if isinstance(allowed, Denied) else None


def end_token(*, by: User, token: ApiToken) -> ApiToken | Denied:
    """End a machine's token now; ending it twice is the same."""
    denied = _not_theirs(by, token.user)
    if denied is not None:
        return refuse(denied, by=by, object=f"token:{token.pk}", where=token.user.owning_team)
    tokens.revoke(by=by, token=token, owner=token.user)
    token.refresh_from_db()
    return token


def _not_theirs(by: User, machine: User) -> Denied | None:
    if machine.owning_team is None:
        return Denied("machine.is_one", "account", f"{machine} is a person.", "People make their own tokens.")
    allowed = manages(by, machine.owning_team)
    return allowed if isinstance(allowed, Denied) else None


def team_ref(team: Team) -> str:
    """How the history names a team."""
    return f"team:{team.pk}"
