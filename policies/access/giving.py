"""Who may give what: roles in teams, and grants or denials in a scope, for a time. Nobody gives to themselves.

A manager of access gives anything to others; a team's owner what they hold there themselves, in that team.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.access.refusals import invalid, refuse, scope_of
from policies.models import AccessGrant, CustomRole, Effect, Membership, Organisation, Role, Service, Team, User
from policies.permissions import ROLE_TABLE, Permission, Scope, may
from policies.results import Allowed, Denied

_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,40}")


@dataclass(frozen=True)
class Wanted:
    """A grant as asked for. `matter` is a role, the slug of a custom role, or a right."""

    to: User
    where: Scope
    matter: str
    reason: str
    effect: str = Effect.ALLOW.value
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def rights_of(matter: str) -> frozenset[Permission] | None:
    """What a role, a custom role or a right comes to; None: there is no such thing."""
    if matter in ROLE_TABLE:
        return ROLE_TABLE[matter]
    if matter in set(Permission):
        return frozenset({Permission(matter)})
    custom = CustomRole.objects.filter(slug=matter).first()
    return frozenset(Permission(right) for right in custom.permissions) if custom else None


def give(*, by: User, wanted: Wanted) -> AccessGrant | Denied:
    """Grant or deny something to somebody."""
    rights = rights_of(wanted.matter)
    denied = _wrong(wanted)
    if denied is None:
        denied = _not_for_them(by, wanted)
    if denied is None and rights is not None:
        denied = _not_to_give(by, wanted.where, rights, wanted.effect)
    if denied is not None:
        return refuse(denied, by=by, object=wanted.to.audit_ref, where=wanted.where)
    with context(by=by, reason=wanted.reason, scope=scope_of(wanted.where)):
        made = AccessGrant.objects.create(
            user=wanted.to,
            granted_by=by,
            reason=wanted.reason.strip(),
            effect=wanted.effect,
            starts_at=wanted.starts_at or timezone.now(),
            ends_at=wanted.ends_at,
            **_matter(wanted.matter),
            **_scope(wanted.where),
        )
        data = {"to": str(wanted.to), "what": wanted.matter, "effect": wanted.effect, "ends_at": wanted.ends_at}
        record("access.granted", object=f"accessgrant:{made.pk}", scope=scope_of(wanted.where), data=data)
    return made


def _matter(matter: str) -> dict[str, object]:
    if matter in ROLE_TABLE:
        return {"role": matter}
    if matter in set(Permission):
        return {"permission": matter}
    return {"custom": CustomRole.objects.get(slug=matter)}


def _scope(where: Scope) -> dict[str, object]:
    if where is None:
        return {"organisation": Organisation.objects.order_by("pk").first()}
    return {"service": where} if isinstance(where, Service) else {"team": where}


def _wrong(wanted: Wanted) -> Denied | None:
    """What makes no sense, whoever asks."""
    starts, ends = wanted.starts_at or timezone.now(), wanted.ends_at
    if rights_of(wanted.matter) is None:
        return invalid("grant.known", "what", f"There is no role or right {wanted.matter}.", "Choose one of the list.")
    if wanted.effect not in Effect.values:
        return invalid("grant.effect", "effect", "A grant allows or denies.", "Choose allow or deny.")
    if not wanted.reason.strip() or len(wanted.reason) > 300:
        return invalid("grant.reason", "reason", "It needs a reason of at most 300 characters.", "Say what it is for.")
    if ends is not None and (ends <= starts or ends <= timezone.now()):
        return invalid("grant.ends", "ends_at", "It would end before it begins.", "Choose a later end.")
    if not wanted.to.is_active:
        return invalid("grant.active", "user", f"{wanted.to} is not active.", "Choose somebody who is here.")
    return None


def _not_for_them(by: User, wanted: Wanted) -> Denied | None:
    if wanted.to.pk == by.pk:
        return oneself("grant.not_to_oneself", "You cannot give rights to yourself, or deny them.")
    strong = wanted.to.is_platform or wanted.to.is_auditor
    if wanted.effect == Effect.DENY and strong and not may(by, Permission.MANAGE_ACCESS, wanted.where):
        reason = f"{wanted.to} looks after the whole organisation."
        return Denied("grant.deny_global", "user", reason, "Ask a platform engineer.", "A platform engineer")
    return None


def oneself(rule: str, reason: str) -> Denied:
    """What nobody does for themselves."""
    return Denied(rule, "user", reason, "Ask another owner, or a platform engineer.", "Another owner")


def _not_to_give(by: User, where: Scope, rights: frozenset[Permission], effect: str) -> Denied | None:
    """Managers of access give anything; owners what they hold there themselves."""
    access = may(by, Permission.MANAGE_ACCESS, where)
    if access or where is None:
        return None if isinstance(access, Allowed) else access
    owns = may(by, Permission.MANAGE_TEAM, where.team if isinstance(where, Service) else where)
    if isinstance(owns, Denied):
        return owns
    missing = sorted(right.value for right in rights if effect == Effect.ALLOW and not may(by, right, where))
    if not missing:
        return None
    reason = f"You do not hold {', '.join(missing)} there yourself."
    return Denied("grant.held", "what", reason, "Give less, or ask a platform engineer.", "A platform engineer")


def revoke(*, by: User, grant: AccessGrant, reason: str = "") -> AccessGrant | Denied:
    """End a grant or a denial now. The holder may give an allowance back, but never lift their own denial."""
    where = grant.service or grant.team
    if grant.effect == Effect.DENY and grant.user_id == by.pk:
        denied = oneself("grant.not_to_oneself", "You cannot lift your own denial.")
        return refuse(denied, by=by, object=f"accessgrant:{grant.pk}", where=where)
    manages = may(by, Permission.MANAGE_ACCESS, where)
    if not manages and where is not None:
        manages = may(by, Permission.MANAGE_TEAM, where.team if isinstance(where, Service) else where)
    if isinstance(manages, Denied) and grant.user_id != by.pk:
        return refuse(manages, by=by, object=f"accessgrant:{grant.pk}", where=where)
    with context(by=by, reason=reason, scope=scope_of(where)):
        rows = AccessGrant.objects.filter(pk=grant.pk, revoked_at=None)
        if rows.update(revoked_at=timezone.now(), revoked_by=by):
            data = {"of": str(grant.user), "what": grant.matter, "effect": grant.effect}
            record("access.revoked", object=f"accessgrant:{grant.pk}", scope=scope_of(where), data=data)
    grant.refresh_from_db()
    return grant


def admit(*, by: User, user: User, team: Team, role: str) -> Membership | Denied:
    """Give somebody a role, built-in or custom, in a team."""
    rights = rights_of(role) if role not in set(Permission) else None
    refused = partial(refuse, by=by, object=user.audit_ref, where=team)
    if rights is None:
        return refused(invalid("membership.role", "role", f"There is no role {role}.", "Choose one of the list."))
    if user.pk == by.pk:
        return refused(oneself("membership.not_to_oneself", "You cannot give yourself a role."))
    if not user.is_active:
        return refused(invalid("grant.active", "user", f"{user} is not active.", "Choose somebody who is here."))
    denied = _not_to_give(by, team, rights, Effect.ALLOW)
    if denied is not None:
        return refused(denied)
    try:
        with context(by=by):
            return Membership.objects.create(user=user, team=team, **_matter(role))
    except IntegrityError:
        return refused(invalid("membership.once", "role", f"{user} is {role} there already.", "Nothing is to be done."))


def dismiss(*, by: User, membership: Membership, reason: str = "") -> Allowed | Denied:
    """Take a role in a team away; one's own may be given up. The last owner stays until there is another."""
    manages = may(by, Permission.MANAGE_ACCESS, membership.team) or may(by, Permission.MANAGE_TEAM, membership.team)
    refused = partial(refuse, by=by, object=membership.user.audit_ref, where=membership.team)
    if isinstance(manages, Denied) and membership.user_id != by.pk:
        return refused(manages)
    with context(by=by, reason=reason):
        Team.objects.select_for_update().get(pk=membership.team_id)
        last = last_owner(membership)
        if last is None:
            Membership.objects.filter(pk=membership.pk).delete()
    return refused(last) if last is not None else Allowed()


def last_owner(membership: Membership) -> Denied | None:
    """Why this role stays until somebody else has it, or None. Call with the team's row locked."""
    others = Membership.objects.filter(team=membership.team, role=Role.OWNER, user__is_active=True)
    if membership.role != Role.OWNER or others.exclude(pk=membership.pk).exists():
        return None
    reason = f"{membership.user} is the last owner of {membership.team}."
    return Denied("membership.last_owner", "role", reason, "Make somebody else owner first.", status=409)


def save_role(*, by: User, slug: str, name: str, permissions: list[str]) -> CustomRole | Denied:
    """Make or change a custom role of the organisation; never one that one holds oneself."""
    refused = partial(refuse, by=by, object=f"customrole:{slug}")
    allowed = may(by, Permission.MANAGE_ACCESS, None)
    if isinstance(allowed, Denied):
        return refused(allowed)
    unknown = sorted(set(permissions) - set(Permission))
    if unknown or not permissions:
        text = f"There are no rights {', '.join(unknown)}." if unknown else "A role needs at least one right."
        return refused(invalid("role.rights", "permissions", text, "Choose from the list."))
    if slug in Role.values or not _SLUG.fullmatch(slug) or not name.strip() or len(name) > 80:
        return refused(invalid("role.name", "slug", "A name is needed that no other role has.", "Choose another."))
    if Membership.objects.filter(custom__slug=slug, user=by).exists() or _granted(slug, by):
        return refused(oneself("role.not_own", "You hold this role, so you cannot change it."))
    with context(by=by):
        rights = sorted(set(permissions))
        made, _ = CustomRole.objects.update_or_create(slug=slug, defaults={"name": name.strip(), "permissions": rights})
        emit("access.role_changed", object=f"customrole:{made.pk}", payload={"slug": slug, "by": str(by)})
    return made


def _granted(slug: str, user: User) -> bool:
    return AccessGrant.objects.filter(custom__slug=slug, user=user, revoked_at=None).exists()
