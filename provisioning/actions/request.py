"""What people ask first: a new environment. Checks everything before the transaction, then writes all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from audit.context import context
from audit.record import record
from catalog import parameters as schema_check
from catalog.models import TemplateVersion
from catalog.pricing import price
from policies import quotas, waiving
from policies.decisions import denied_by, record_ruling, refuse
from policies.models import Service, User
from policies.permissions import Permission, may, owners_of
from policies.places import Place
from policies.results import Denied, FieldError, wrong_fields
from provisioning import costs, holdings, inventory, pools, reclaim, targets
from provisioning.actions.idempotency import earlier, request_digest
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import OverBudget
from provisioning.facts import Draft
from provisioning.holdings import Full
from provisioning.judging import Judgement, judge_draft
from provisioning.models import Environment, Operation, Target
from provisioning.tiers import Tier
from provisioning.wake import wake


@dataclass(frozen=True)
class Wanted:
    """A request for an environment as it came in. `ttl_hours` None: the template's default for the tier.

    `imports` names resources that exist already, by the address they get: they are adopted, and nothing is made.
    `items` are those of the inventory, which the environment takes.
    """

    service: Service
    version: TemplateVersion
    name: str
    tier: str
    parameters: Mapping[str, Any]
    ttl_hours: int | None = None
    reason: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)
    items: tuple[UUID, ...] = ()

    @property
    def kind(self) -> str:
        """What brings it about: existing resources are adopted, others created."""
        return "adopt" if self.imports else "create"


@dataclass(frozen=True)
class Checked:
    """A request whose fields are right: the draft, and what policy says of it."""

    draft: Draft
    judgement: Judgement


def request_environment(*, by: User, wanted: Wanted, key: str = "") -> Operation | Denied:
    """Ask for an environment. Returns the operation (the earlier one for a repeated key), or why not.

    Permission first, then fields, quotas, policy and the name; each refusal but a wrong field is recorded.
    """
    if not storable([_as_asked(wanted), wanted.reason]):
        return unstorable("parameters")
    allowed = may(by, Permission.REQUEST, wanted.service)
    if isinstance(allowed, Denied):
        return _refused(by, wanted, allowed)
    digest = request_digest(wanted.kind, _as_asked(wanted))
    known = earlier(by=by, key=key, digest=digest)
    if known is not None:
        return known
    checked = check(by=by, wanted=wanted)
    if isinstance(checked, Denied):
        return checked
    full = quota_of(by, checked.draft)
    if full is not None:
        return earlier(by=by, key=key, digest=digest) or _refused(by, wanted, full)
    if not checked.judgement.ruling.allowed:
        known = earlier(by=by, key=key, digest=digest)
        if known is not None:
            return known
        denied = denied_by(checked.judgement.ruling)
        return _refused(by, wanted, denied, checked.judgement)
    return _write(by, wanted, checked, key, digest)


def check(*, by: User, wanted: Wanted) -> Checked | Denied:
    """Fields against the template's schema, then policy on a snapshot of facts. Writes nothing."""
    if not storable(_as_asked(wanted)):
        return unstorable("parameters")
    errors: list[FieldError] = []
    if wanted.tier not in Tier.values:
        errors.append(FieldError("tier", "env.tier", f"One of {', '.join(Tier.values)}."))
    result = schema_check.check(wanted.version.parameters, dict(wanted.parameters))
    errors += [FieldError(f"parameters.{e.field}", e.rule, e.message, e.fix) for e in result.errors]
    if wanted.ttl_hours is not None and not 1 <= wanted.ttl_hours <= 24 * 365:
        errors.append(FieldError("ttl_hours", "ttl.hours", "Between 1 hour and 365 days."))
    if errors:
        return wrong_fields(errors)
    reachable = targets.usable(wanted.version)
    if isinstance(reachable, Denied):
        return reachable
    draft = Draft(
        kind=wanted.kind,
        name=wanted.name,
        tier=wanted.tier,
        service=wanted.service,
        version=wanted.version,
        parameters=result.values,
        owner=by,
        ttl_hours=ttl_of(wanted),
        requester=by,
    )
    return Checked(draft, judge_draft(draft, point="request"))


def quota_of(by: User, draft: Draft) -> Denied | None:
    """Which quotas have no room for a new environment now, with what could be given back. Writes nothing."""
    place = Place(draft.team, draft.service, draft.tier)
    short = quotas.shortages(holdings.wants_of_new(place, draft.version, draft.parameters))
    return reclaim.refusal(by, short, draft.team) if short else None


def ttl_of(wanted: Wanted) -> int | None:
    """The asked TTL, else the template's default for the tier, in hours."""
    if wanted.ttl_hours is not None or wanted.tier not in wanted.version.tiers:
        return wanted.ttl_hours
    return wanted.version.ttl_hours(wanted.tier)


def _as_asked(wanted: Wanted) -> dict[str, Any]:
    return {
        "service": wanted.service.slug,
        "template": wanted.version.digest,
        "name": wanted.name,
        "tier": wanted.tier,
        "parameters": dict(wanted.parameters),
        "ttl_hours": wanted.ttl_hours,
        **({"imports": dict(wanted.imports)} if wanted.imports else {}),
    }


def _refused(by: User, wanted: Wanted, denied: Denied, judgement: Judgement | None = None) -> Denied:
    return refuse(
        denied,
        by=by,
        subject=f"request:{wanted.name[:63]}",
        kind=wanted.kind,
        team=wanted.service.team,
        ruling=judgement.ruling if judgement else None,
    )


def _write(by: User, wanted: Wanted, checked: Checked, key: str, digest: str) -> Operation | Denied:
    try:
        with context(by=by, reason=wanted.reason):
            answer = _create(by, wanted, checked, key, digest)
            if isinstance(answer, Denied):
                raise _Undo(answer)
    except Full as full:
        known = earlier(by=by, key=key, digest=digest)
        return known or _refused(by, wanted, reclaim.refusal(by, full.short, wanted.service.team))
    except (_Undo, OverBudget) as undo:
        return earlier(by=by, key=key, digest=digest) or _refused(by, wanted, undo.denied)
    except IntegrityError as error:
        if "operation_key_once" in str(error):
            return earlier(by=by, key=key, digest=digest) or _busy()
        if "environment_name_live_once" not in str(error):
            raise
        known = earlier(by=by, key=key, digest=digest)
        if known is not None:
            return known
        return _refused(by, wanted, taken(wanted))
    return answer


class _Undo(Exception):
    """Leaves the transaction so that a refusal writes nothing of the request."""

    def __init__(self, denied: Denied) -> None:
        self.denied = denied


def _create(by: User, wanted: Wanted, checked: Checked, key: str, digest: str) -> Operation | Denied:
    draft, team = checked.draft, wanted.service.team
    target = targets.of_version(wanted.version)
    if wanted.version.target and target is None:
        return targets.unregistered(wanted.version)
    environment, kind = _claimed(by, wanted, checked), "claim"
    if environment is None:
        environment, kind = _made(by, wanted, draft, target), wanted.kind
        short = holdings.reserve(environment)
        if short:
            raise Full(short)
        costs.hold_budgets(draft)
    if not inventory.take(wanted.items, environment):
        return inventory.gone()
    operation = Operation.objects.create(
        kind=kind,
        environment=environment,
        team=team,
        tier=wanted.tier,
        target=target,
        pool=target.pool if target else "",
        requester=by,
        reason=wanted.reason,
        arguments=_arguments(wanted, draft),
        idempotency_key=key,
        request_digest=digest,
        signatures_needed=checked.judgement.requirement.signatures,
        owning_needed=checked.judgement.requirement.owning_team,
    )
    waiving.use(ruling=checked.judgement.ruling, operation=operation.ref)
    record_ruling(checked.judgement.ruling, subject=operation.ref, point="request", kind=kind, team=team)
    record(
        "operation.requested",
        object=operation.ref,
        scope=f"team:{team.pk}",
        data={"kind": kind, "name": wanted.name},
    )
    wake(operation.pool)
    return operation


def _claimed(by: User, wanted: Wanted, checked: Checked) -> Environment | None:
    """A warm environment for this request. Not where somebody has to sign: until then it would be nobody's."""
    if wanted.kind != "create" or checked.judgement.requirement.signatures:
        return None
    return pools.claim(
        service=wanted.service,
        version=wanted.version,
        tier=wanted.tier,
        parameters=checked.draft.parameters,
        name=wanted.name,
        owner=by,
    )


def _made(by: User, wanted: Wanted, draft: Draft, target: Target | None) -> Environment:
    rates, team = price(wanted.version, draft.parameters), wanted.service.team
    return Environment.objects.create(
        name=wanted.name,
        service=wanted.service,
        team=team,
        tier=wanted.tier,
        owner=by,
        template_version=wanted.version,
        driver=wanted.version.driver,
        target=target,
        parameters=dict(draft.parameters),
        cost_centre=team.cost_centre,
        rate_running=rates.running,
        rate_suspended=rates.suspended,
        currency=rates.currency,
    )


def _arguments(wanted: Wanted, draft: Draft) -> dict[str, Any]:
    imports = {"imports": dict(wanted.imports)} if wanted.imports else {}
    return {"parameters": dict(draft.parameters), "ttl_hours": draft.ttl_hours, **imports}


def taken(wanted: Wanted) -> Denied:
    """What is said when a living environment has the name."""
    return Denied(
        rule="env.name_free",
        field="name",
        reason=f"An environment named {wanted.name} exists.",
        fix="Choose another name.",
        who=owners_of(wanted.service.team),
        status=409,
    )


def _busy() -> Denied:
    return Denied(
        "request.repeat",
        "Idempotency-Key",
        "The same request is being written.",
        "Send it again.",
        status=409,
    )
