"""What people do with the orphan ledger: have a removal tried again, or mark a thing as removed by hand."""

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.decisions import refuse
from policies.models import Team, User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.models import Orphan
from provisioning.states import EnvironmentStatus as E


def may_remove(user: User, team: Team) -> Allowed | Denied:
    """Whoever operates the team's environments, and platform engineers."""
    allowed = may(user, Permission.OPERATE, team)
    return Allowed() if may(user, Permission.RECOVER, team) else allowed


def is_removable(orphan: Orphan) -> bool:
    """Shall its whole environment not exist, so that a worker may remove it?"""
    environment = orphan.environment
    never_made = environment.status == E.FAILED and environment.ready_at is None
    return environment.status == E.DESTROYED or never_made


def retry_removal(*, by: User, orphan: Orphan) -> Orphan | Denied:
    """Have a worker try again at once."""
    return _change(by, orphan, "retry_removal", "")


def mark_removed(*, by: User, orphan: Orphan, reason: str) -> Orphan | Denied:
    """Close a row whose thing a person removed by hand. Nothing is asked of any driver."""
    if not storable(reason):
        return unstorable("reason")
    if not reason.strip() and may_remove(by, orphan.team):
        return Denied("reason.given", "reason", "It needs a reason: it is recorded.", "Say how it went.", status=422)
    return _change(by, orphan, "mark_removed", reason)


def _change(by: User, orphan: Orphan, kind: str, reason: str) -> Orphan | Denied:
    allowed = may_remove(by, orphan.team)
    ref = f"orphan:{orphan.pk}"
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, subject=ref, kind=kind, team=orphan.team)
    with context(by=by, operation=f"operation:{orphan.operation_id}", reason=reason):
        rows = Orphan.objects.select_for_update(of=("self",)).select_related("environment", "team")
        row = rows.get(pk=orphan.pk)
        denied = _refusal_of(row, kind)
        if denied is None:
            if kind == "retry_removal":
                row.automatic, row.not_before, row.attempts = True, None, 0
                row.save(update_fields=["automatic", "not_before", "attempts"])
                event = "orphan.retry_asked"
            else:
                row.removed_at, row.removed_by, row.removed_reason = timezone.now(), by.audit_ref, reason[:300]
                row.save(update_fields=["removed_at", "removed_by", "removed_reason"])
                event = "orphan.marked_removed"
            record(event, object=ref, scope=f"team:{row.team_id}", data={"name": row.address, "reason": reason[:300]})
            return row
    return refuse(denied, by=by, subject=ref, kind=kind, team=orphan.team)


def _refusal_of(row: Orphan, kind: str) -> Denied | None:
    if row.removed_at is not None:
        return Denied("orphan.open", "orphan", f"{row.address} is gone already.", "Nothing is to be done.", status=409)
    if kind != "retry_removal" or is_removable(row):
        return None
    name = row.environment.name
    reason = f"{name} exists, so removing what it has must not destroy it."
    return Denied("orphan.removable", "orphan", reason, f"Reconcile or destroy {name}.", status=409)
