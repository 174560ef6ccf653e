"""When somebody leaves: the account is closed; tokens, grants, roles and looks end. What they own lives above."""

from django.db.models import QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.access.giving import oneself
from policies.access.refusals import refuse
from policies.models import AccessGrant, ApiToken, Impersonation, Membership, Role, SignInLink, Team, User
from policies.permissions import Permission, may
from policies.results import Denied


def may_close(by: User, person: User) -> Denied | None:
    """Only a manager of access closes an account, and never their own; a team's owner closes its machines."""
    if by.pk == person.pk:
        return oneself("leave.not_oneself", "You cannot close your own account.")
    if person.owning_team is not None and may(by, Permission.MANAGE_TEAM, person.owning_team):
        return None
    allowed = may(by, Permission.MANAGE_ACCESS, None)
    return allowed if isinstance(allowed, Denied) else None


def close(*, by: User, person: User, reason: str) -> dict[str, int] | Denied:
    """Close the account and end every right of it. Returns how many of each ended."""
    denied = may_close(by, person)
    if denied is not None:
        return refuse(denied, by=by, object=person.audit_ref)
    now = timezone.now()
    with context(by=by, reason=reason):
        User.objects.filter(pk=person.pk).update(is_active=False, left_at=now, is_platform=False, is_auditor=False)
        SignInLink.objects.filter(user=person, used_at=None).update(used_at=now)
        allowances = AccessGrant.objects.filter(user=person, revoked_at=None, effect="allow")
        ended = {
            "tokens": ApiToken.objects.filter(user=person, revoked_at=None).update(revoked_at=now),
            "grants": allowances.update(revoked_at=now, revoked_by=by),
            "roles": Membership.objects.filter(user=person).count(),
            "looks": Impersonation.objects.filter(actor=person, ended_at=None).update(ended_at=now),
        }
        Membership.objects.filter(user=person).delete()
        record("person.left", object=person.audit_ref, data={"person": str(person), **ended})
        emit("access.person_left", object=person.audit_ref, payload={"person": str(person), **ended})
    person.refresh_from_db()
    return ended


def teams_without_owner() -> QuerySet[Team]:
    """Teams in which no active person is owner."""
    owned = Membership.objects.filter(role=Role.OWNER, user__is_active=True)
    return Team.objects.exclude(pk__in=owned.values("team"))
