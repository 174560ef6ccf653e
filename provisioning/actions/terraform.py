"""What people ask of a Terraform state: break a lock whose holder is gone."""

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Denied
from provisioning.drivers.terraform import state
from provisioning.models import Environment, OperationLease, TerraformState

SHORTEST_REASON = 5


def break_lock(*, by: User, environment: Environment, reason: str) -> TerraformState | Denied:
    """Take the lock away from whoever holds it, with a reason. Platform people and the team's owner may.

    A lock of an operation that somebody works on now is never broken: cancelling that operation ends it cleanly.
    """
    allowed = may(by, Permission.RECOVER, None) or may(by, Permission.MANAGE_TEAM, environment.team)
    if isinstance(allowed, Denied):
        return _refused(by, environment, allowed)
    if len(reason.strip()) < SHORTEST_REASON:
        fix = "Say why nobody can be writing this state any more."
        return Denied("state.reason", "reason", f"At least {SHORTEST_REASON} characters.", fix, status=422)
    with context(by=by, reason=reason.strip()[:300]):
        row = TerraformState.objects.select_for_update().filter(pk=environment.pk).exclude(lock_id="").first()
        broken = row if row is None else _broken(environment, row)
    if broken is None:
        fix = "Nothing is to be done."
        broken = Denied("state.unlocked", "environment", "The state is not locked.", fix, status=409)
    return _refused(by, environment, broken) if isinstance(broken, Denied) else broken


def _broken(environment: Environment, row: TerraformState) -> TerraformState | Denied:
    leases = OperationLease.objects.filter(fence=row.lock_fence, expires_at__gt=timezone.now())
    if row.lock_operation and any(str(lease.operation_id) == row.lock_operation for lease in leases):
        fix = "Cancel that operation: it then ends at a safe point and gives the lock back."
        return Denied("state.lock_live", "environment", "A worker holds the lock right now.", fix, status=409)
    data = {"lock": row.lock, "operation": row.lock_operation}
    record("state.lock_broken", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    state.clear(row)
    return row


def _refused(by: User, environment: Environment, denied: Denied) -> Denied:
    with context(by=by, reason=denied.reason):
        record(
            "state.break_refused",
            object=environment.ref,
            scope=f"team:{environment.team_id}",
            data={"rule": denied.rule, "reason": denied.reason},
        )
    return denied
