"""Removing a factor of one's own, and resetting another's who lost theirs."""

from allauth.mfa.models import Authenticator
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from audit.record import emit, record
from policies import factors
from policies.factors import FACTORS
from policies.models import FactorTries, User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from portal.second_factor import tries
from provisioning.actions.storable import storable, unstorable


def remove(*, by: User, factor: Authenticator) -> Allowed | Denied:
    """Remove one of one's own factors. The last one stays while a rule demands one of this person."""
    denied = factors.fresh(by, "Removing a factor")
    if isinstance(denied, Denied):
        return denied
    with context(by=by):
        tries.locked_row(by)
        others = Authenticator.objects.filter(user=by, type__in=FACTORS).exclude(pk=factor.pk)
        last = factor.type in FACTORS and not others.exists()
        refused = _demanded(by) if last else None
        if refused is not None:
            record("factor.removal_refused", object=by.audit_ref, data={"rule": refused.rule})
            return refused
        gone = Authenticator.objects.filter(user=by) if last else Authenticator.objects.filter(pk=factor.pk, user=by)
        gone.delete()
        record("factor.removed", object=by.audit_ref, data={"method": factor.type, "factor": factor.pk})
    return Allowed()


def _demanded(by: User) -> Denied | None:
    acts = [str(purpose.label).lower() for purpose in factors.demanded_of(by)]
    if not acts:
        return None
    return Denied(
        rule="factor.last",
        field="factor",
        reason=f"This is your last factor, and a rule demands one of you to {_or(acts)}.",
        fix="Add another factor first, then remove this one.",
        who="You",
        status=409,
    )


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def reset(*, by: User, person: User, reason: str) -> Allowed | Denied:
    """Take all factors from a person who lost them. It is recorded, announced, and the person is told."""
    denied = _unresettable(by, person, reason.strip())
    if denied is not None:
        with context(by=by):
            record("factor.reset_refused", object=person.audit_ref, data={"rule": denied.rule})
        return denied
    with context(by=by, reason=reason.strip()):
        tries.locked_row(person)
        held = Authenticator.objects.filter(user=person)
        methods = sorted(held.values_list("type", flat=True))
        held.delete()
        FactorTries.objects.filter(user=person).update(wrong_at=[])
        User.objects.filter(pk=person.pk).update(factors_reset_at=timezone.now())
        data = {"methods": methods, "reason": reason.strip()}
        record("factor.reset", object=person.audit_ref, data=data)
        emit("factor.reset", object=person.audit_ref, payload={**data, "by": by.audit_ref})
    return Allowed()


def _unresettable(by: User, person: User, reason: str) -> Denied | None:
    allowed = may(by, Permission.MANAGE_ACCESS, None)
    if isinstance(allowed, Denied):
        return allowed
    if person.pk == by.pk:
        reason_why = "Nobody resets their own factors."
        return Denied("factor.reset_other", "person", reason_why, "Ask another platform engineer.", status=403)
    if not storable(reason):
        return unstorable("reason")
    if not 5 <= len(reason) <= 500:
        return Denied("factor.reset_reason", "reason", "A reset needs a reason of 5 to 500 characters.", status=422)
    if not Authenticator.objects.filter(user=person).exists():
        return Denied("factor.reset_some", "person", f"{person} has no second factor.", status=409)
    return None


def last_reset(person: User) -> AuditEvent | None:
    """The event of the last reset of this person's factors."""
    return AuditEvent.objects.filter(object=person.audit_ref, event="factor.reset").order_by("-at", "-id").first()


def acknowledge(*, by: User) -> None:
    """The person has read that their factors were reset."""
    with context(by=by):
        User.objects.filter(pk=by.pk).update(factors_reset_at=None)
