"""The requester changes what was asked while it is held: judged anew, planned anew, and every signature is void."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.context import context
from audit.record import emit, record
from catalog import parameters as schema_check
from catalog.pricing import price
from policies import approvals, waiving
from policies.decisions import denied_by, record_ruling, refuse
from policies.models import User
from policies.permissions import may
from policies.results import Denied, FieldError, wrong_fields
from provisioning import costs, holdings, kinds, reclaim
from provisioning.actions.hold import end_hold, locked, not_in, not_requester
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import OverBudget
from provisioning.facts import Draft
from provisioning.holdings import Full
from provisioning.judging import Judgement, draft_of, judge_draft
from provisioning.lifecycle import move
from provisioning.models import Environment, Hold, Operation
from provisioning.states import OperationStatus as S
from provisioning.wake import wake


@dataclass(frozen=True)
class Amended:
    """The request as it would be: its arguments, which of its parameters differ, and what policy says."""

    arguments: Mapping[str, Any]
    changed: tuple[str, ...]
    draft: Draft
    judgement: Judgement


def amend(*, by: User, operation: Operation, parameters: Mapping[str, Any], reason: str = "") -> Operation | Denied:
    """Change parameters of a held request; what is not named stays. It is planned and signed anew."""
    if not storable([dict(parameters), reason]):
        return unstorable("parameters")
    made = _amended(by, operation, parameters)
    if isinstance(made, Denied):
        if made.errors:
            return made
        return refuse(made, by=by, subject=operation.ref, kind="edit", team=operation.team)
    if not made.judgement.ruling.allowed:
        denied, ruling = denied_by(made.judgement.ruling), made.judgement.ruling
        return refuse(denied, by=by, subject=operation.ref, kind="edit", team=operation.team, ruling=ruling)
    try:
        with context(by=by, operation=operation.ref, reason=reason):
            row = locked().get(pk=operation.pk)
            if row.status == S.HELD and row.arguments == operation.arguments:
                _write(by, row, made, reason)
                return row
        denied = not_in(row, "it cannot be changed any more")
    except Full as full:
        denied = reclaim.refusal(by, full.short, operation.team)
    except OverBudget as over:
        denied = over.denied
    return refuse(denied, by=by, subject=operation.ref, kind="edit", team=operation.team)


def editable(operation: Operation) -> bool:
    """Are there parameters that its requester may change while it is held?"""
    return operation.status == S.HELD and "parameters" in operation.arguments


def _amended(by: User, operation: Operation, parameters: Mapping[str, Any]) -> Amended | Denied:
    kind = kinds.of(operation)
    another = not_requester(by, operation, "change")
    if another is not None:
        return another
    allowed = may(by, kind.permission, operation.environment.service)
    if isinstance(allowed, Denied):
        return allowed
    if not editable(operation):
        if operation.status != S.HELD:
            return not_in(operation, "only a request that was held or sent back can be changed")
        reason = "This request has no parameters that could be changed."
        return Denied("operation.editable", "parameters", reason, "Cancel it and ask for something else.", status=409)
    wanted = _checked(operation, parameters)
    if isinstance(wanted, Denied):
        return wanted
    before = operation.arguments["parameters"]
    changed = tuple(sorted(name for name in {*before, *wanted} if before.get(name) != wanted.get(name)))
    if not changed:
        return Denied("operation.changed", "parameters", "Nothing differs.", "Answer the signer instead.", status=422)
    draft = replace(draft_of(operation), parameters=wanted)
    arguments = {**operation.arguments, "parameters": wanted}
    return Amended(arguments, changed, draft, judge_draft(draft, point="request"))


def _checked(operation: Operation, parameters: Mapping[str, Any]) -> dict[str, Any] | Denied:
    """The complete parameters, if they fit the template; of a living environment, what may change on it too."""
    environment, kind = operation.environment, kinds.of(operation)
    merged = {**operation.arguments["parameters"], **parameters}
    merged = {name: value for name, value in merged.items() if value is not None}
    if not kind.begins_environment:
        gate = kind.gate(environment, {"parameters": merged})
        if isinstance(gate, Denied):
            return gate
        return dict(kind.prepare(environment, {"parameters": merged})["parameters"])
    result = schema_check.check(environment.template_version.parameters, merged)
    errors = tuple(FieldError(f"parameters.{e.field}", e.rule, e.message, e.fix) for e in result.errors)
    if errors:
        return wrong_fields(errors)
    return dict(result.values)


def _write(by: User, row: Operation, made: Amended, reason: str) -> None:
    """Raises Full or OverBudget when there is no room for it as changed."""
    names = ", ".join(made.changed)
    end_hold(row, by=by, ending=Hold.Ending.EDITED, text=reason.strip())
    approvals.void(ref=row.ref, reason=f"{by} changed what was asked: {names}.")
    if kinds.of(row).begins_environment:
        wanted = made.arguments["parameters"]
        rates = price(row.environment.template_version, wanted)
        Environment.objects.filter(pk=row.environment_id).update(
            parameters=wanted, rate_running=rates.running, rate_suspended=rates.suspended
        )
    need = made.judgement.requirement
    move(row, S.REQUESTED, arguments=made.arguments, blocked="", signatures_needed=need.signatures)
    _hold_room(row, made.draft)
    waiving.use(ruling=made.judgement.ruling, operation=row.ref)
    record_ruling(made.judgement.ruling, subject=row.ref, point="request", kind=row.kind, team=row.team)
    data = {"changed": list(made.changed), "by": by.audit_ref}
    record("operation.edited", object=row.ref, scope=f"team:{row.team_id}", data=data)
    emit("operation.edited", payload={"kind": row.kind, **data}, object=row.ref)
    wake(row.pool)


def _hold_room(row: Operation, draft: Draft) -> None:
    """Reserve what it needs now, and give back what it no longer needs."""
    short = holdings.reserve(row.environment)
    if short:
        raise Full(short)
    holdings.settle(row.environment_id)
    costs.hold_budgets(draft)
