"""A refusal about access is one event, committed, and then returned. Why it is refused is the caller's."""

from audit.context import context
from audit.record import record
from policies.models import Service, Team, User
from policies.permissions import Scope
from policies.results import Denied


def refuse(denied: Denied, *, by: User, object: str, where: Scope = None) -> Denied:
    """Record the refusal and hand it back."""
    with context(by=by):
        data = {"rule": denied.rule, "field": denied.field, "reason": denied.reason}
        record("access.refused", object=object, scope=scope_of(where), data=data)
    return denied


def scope_of(where: Scope) -> str:
    """The history's scope of a team, a service or the organisation."""
    if isinstance(where, Service):
        return f"team:{where.team_id}"
    return f"team:{where.pk}" if isinstance(where, Team) else ""


def invalid(rule: str, field: str, reason: str, fix: str) -> Denied:
    """A field that makes no sense."""
    return Denied(rule, field, reason, fix, "You", status=422)
