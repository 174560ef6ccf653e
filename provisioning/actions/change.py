"""What people ask of an environment that exists: suspend, resume, destroy, update, and kinds from apps above."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError

from audit.context import context
from audit.record import record
from policies import waiving
from policies.decisions import denied_by, record_ruling, refuse
from policies.engine import Ruling
from policies.models import User
from policies.permissions import may
from policies.results import Denied
from provisioning import costs, holdings, kinds, reclaim
from provisioning.actions.idempotency import earlier, request_digest
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import OverBudget
from provisioning.facts import Draft
from provisioning.holdings import Full
from provisioning.judging import Judgement, judge_draft
from provisioning.kinds import OperationKind
from provisioning.models import Environment, Operation
from provisioning.wake import wake


@dataclass(frozen=True)
class Ask:
    """A change asked of one environment. `confirm` repeats the name where that is required (destroying prod).

    `origin` is why it is asked when nobody asks.
    """

    environment: Environment
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    confirm: str = ""
    origin: str = "schedule"


def submit(*, by: User, ask: Ask, key: str = "") -> Operation | Denied:
    """Ask for a change. Returns the operation (the earlier one for a repeated key), or why not."""
    kind = kinds.get(ask.kind)
    if kind is None or kind.begins_environment:
        wanted = ", ".join(known.name for known in kinds.every() if not known.begins_environment)
        return Denied("operation.kind", "kind", f"There is no operation {ask.kind!r}.", f"One of {wanted}.", status=422)
    allowed = may(by, kind.permission, ask.environment.service)
    if isinstance(allowed, Denied):
        return _refused(by, ask, allowed)
    if not storable([ask.arguments, ask.reason]):
        return unstorable("arguments")
    digest = request_digest(ask.kind, {"environment": str(ask.environment.pk), "arguments": dict(ask.arguments)})
    known = earlier(by=by, key=key, digest=digest)
    if known is not None:
        return known
    gate = _gates(kind, ask)
    if isinstance(gate, Denied):
        return _refused(by, ask, gate)
    ask = replace(ask, arguments=kind.prepare(ask.environment, ask.arguments))
    judgement = judge_draft(draft_for(by, ask), point="request")
    if not judgement.ruling.allowed:
        return _refused(by, ask, denied_by(judgement.ruling), judgement.ruling)
    return _write(by, kind, ask, judgement, key, digest)


def _gates(kind: OperationKind, ask: Ask) -> Denied | None:
    begins = kind.begins_in(ask.environment)
    if isinstance(begins, Denied):
        return begins
    if kind.name == "destroy" and ask.environment.is_prod_like and ask.confirm != ask.environment.name:
        return Denied(
            rule="environment.confirm",
            field="confirm",
            reason=f"Destroying a {ask.environment.tier} environment needs its name typed.",
            fix=f"Type {ask.environment.name}.",
            status=422,
        )
    gate = kind.gate(ask.environment, ask.arguments)
    return gate if isinstance(gate, Denied) else None


def draft_for(by: User | None, ask: Ask) -> Draft:
    """What policy is asked about this change."""
    environment = ask.environment
    hours = None
    if environment.expires_at is not None:
        hours = int((environment.expires_at - environment.created_at).total_seconds() // 3600)
    return Draft(
        kind=ask.kind,
        name=environment.name,
        tier=environment.tier,
        service=environment.service,
        version=environment.template_version,
        parameters=ask.arguments.get("parameters", environment.parameters),
        owner=environment.owner,
        ttl_hours=hours,
        requester=by,
        created_at=environment.created_at,
        environment=str(environment.pk),
    )


def _refused(by: User, ask: Ask, denied: Denied, ruling: Ruling | None = None) -> Denied:
    return refuse(denied, by=by, subject=ask.environment.ref, kind=ask.kind, team=ask.environment.team, ruling=ruling)


def _write(by: User, kind: OperationKind, ask: Ask, judgement: Judgement, key: str, digest: str) -> Operation | Denied:
    try:
        with context(by=by, reason=ask.reason):
            operation = enqueue(by=by, kind=kind, ask=ask, judgement=judgement, key=key, digest=digest)
            if kind.name in holdings.RESIZING and (short := holdings.reserve(ask.environment)):
                raise Full(short)
            costs.hold_budgets(draft_for(by, ask))
    except Full as full:
        known = earlier(by=by, key=key, digest=digest)
        return known or _refused(by, ask, reclaim.refusal(by, full.short, ask.environment.team))
    except OverBudget as over:
        return earlier(by=by, key=key, digest=digest) or _refused(by, ask, over.denied)
    except IntegrityError as error:
        if "operation_key_once" not in str(error):
            raise
        again = earlier(by=by, key=key, digest=digest)
        return again or Denied(
            "request.repeat", "Idempotency-Key", "It is being written.", "Send it again.", status=409
        )
    return operation


def enqueue(
    *, by: User | None, kind: OperationKind, ask: Ask, judgement: Judgement, key: str = "", digest: str = ""
) -> Operation:
    """Write the operation row, its decision and its event. Call inside an audit context."""
    environment = ask.environment
    operation = Operation.objects.create(
        kind=kind.name,
        environment=environment,
        team=environment.team,
        tier=environment.tier,
        target=environment.target,
        pool=environment.target.pool if environment.target else "",
        requester=by,
        origin="person" if by else ask.origin,
        reason=ask.reason,
        arguments=dict(ask.arguments),
        idempotency_key=key,
        request_digest=digest,
        overtakes=kind.overtakes,
        signatures_needed=judgement.requirement.signatures if by else 0,
        owning_needed=judgement.requirement.owning_team if by else 0,
    )
    waiving.use(ruling=judgement.ruling, operation=operation.ref)
    record_ruling(judgement.ruling, subject=operation.ref, point="request", kind=kind.name, team=environment.team)
    record(
        "operation.requested",
        object=operation.ref,
        scope=f"team:{environment.team_id}",
        data={"kind": kind.name, "name": environment.name},
    )
    wake(operation.pool)
    return operation
