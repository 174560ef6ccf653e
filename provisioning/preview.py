"""What a request would meet, before it is made: findings, quota, cost and signers. Writes nothing."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from catalog.pricing import Price, price
from policies import approvals, quotas
from policies.approvals import Requirement, Subject
from policies.engine import Finding
from policies.models import User
from policies.permissions import Permission, may
from policies.places import Place
from policies.quotas import Usage, Wants
from policies.results import Denied, FieldError
from provisioning import closures, holdings
from provisioning.actions.request import Checked, Wanted, check, quota_of, taken
from provisioning.closures import Closure
from provisioning.costs import over_budget
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus


@dataclass(frozen=True)
class Preview:
    """The side panel of a request. `errors` are wrong fields; with any, policy was not asked.

    `closed` is what would keep it from beginning now; it may be asked all the same.
    """

    allowed: bool
    errors: tuple[FieldError, ...]
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    quota: tuple[Usage, ...]
    price: Price | None
    ttl_hours: int | None
    until_expiry: Decimal | None
    requirement: Requirement
    signers: tuple[User, ...]
    denied: Denied | None
    closed: Closure | None = None


def preview(*, by: User, wanted: Wanted) -> Preview:
    """Everything the requester wants to know while typing."""
    allowed = may(by, Permission.REQUEST, wanted.service)
    checked = check(by=by, wanted=wanted)
    usage = tuple(quotas.after(_wants(wanted, checked)))
    if isinstance(checked, Denied):
        denied = allowed if isinstance(allowed, Denied) else None
        return Preview(False, checked.errors, (), (), usage, None, None, None, Requirement(), (), denied)
    return _full(by, wanted, checked, usage, allowed if isinstance(allowed, Denied) else None)


def _full(by: User, wanted: Wanted, checked: Checked, usage: tuple[Usage, ...], denied: Denied | None) -> Preview:
    ruling, need = checked.judgement.ruling, checked.judgement.requirement
    cost = price(wanted.version, checked.draft.parameters)
    hours = checked.draft.ttl_hours
    subject = Subject("", "", wanted.service.team, by, need, service=wanted.service)
    if denied is None:
        denied = quota_of(by, checked.draft)
    if denied is None:
        place = Place(wanted.service.team, wanted.service, wanted.tier)
        denied = over_budget(place, more=cost.running, hours=hours)
    if denied is None and ruling.allowed:
        denied = _name_taken(wanted)
    return Preview(
        allowed=ruling.allowed and denied is None,
        errors=(),
        findings=ruling.findings,
        passed=ruling.passed,
        quota=usage,
        price=cost,
        ttl_hours=hours,
        until_expiry=None if hours is None else cost.running * hours,
        requirement=need,
        signers=tuple(approvals.eligible(subject)) if need.signatures else (),
        denied=denied,
        closed=closures.of_draft(checked.draft, timezone.now()),
    )


def _wants(wanted: Wanted, checked: Checked | Denied) -> Wants:
    """What it would hold. With wrong fields nothing can be said but what is held now."""
    place = Place(wanted.service.team, wanted.service, wanted.tier)
    if isinstance(checked, Denied):
        return Wants(place, "", {})
    return holdings.wants_of_new(place, wanted.version, checked.draft.parameters)


def _name_taken(wanted: Wanted) -> Denied | None:
    living = Environment.objects.filter(name=wanted.name).exclude(status=EnvironmentStatus.DESTROYED)
    return taken(wanted) if living.exists() else None
