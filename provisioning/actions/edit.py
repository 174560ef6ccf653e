"""A signer changes what was asked, where the step allows it: the plan is made again and earlier signatures are void.

The editor does not become the requester, may sign the new plan, and is never the only one who signed it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from audit.context import context
from audit.record import record
from catalog import parameters as schema
from catalog.pricing import price
from policies import approvals
from policies.approvals import Right
from policies.decisions import denied_by, refuse
from policies.models import User
from policies.results import Denied, FieldError, wrong_fields
from provisioning import costs, holdings, kinds, reclaim
from provisioning.actions.storable import storable, unstorable
from provisioning.costs import OverBudget
from provisioning.holdings import Full
from provisioning.judging import draft_of, judge_draft
from provisioning.lifecycle import move
from provisioning.models import Environment, Operation
from provisioning.signing import subject_of
from provisioning.states import OperationStatus as S
from provisioning.wake import wake

KIND = "edit"


def edit(
    *, by: User, operation: Operation, digest: str, parameters: Mapping[str, Any], reason: str
) -> Operation | Denied:
    """Change parameters that the signer's open step names, and have the plan made again."""
    if not storable([dict(parameters), reason]):
        return unstorable("parameters")
    denied = _refused(by, operation, digest, parameters)
    if denied is not None:
        return refuse(denied, by=by, subject=operation.ref, kind=KIND, team=operation.team)
    try:
        with context(by=by, operation=operation.ref, reason=reason):
            answer = _written(by, operation.pk, digest, parameters)
    except Full as full:
        answer = reclaim.refusal(by, full.short, operation.team)
    except OverBudget as over:
        answer = over.denied
    if isinstance(answer, Denied):
        return refuse(answer, by=by, subject=operation.ref, kind=KIND, team=operation.team)
    return answer


def editable_by(user: User, operation: Operation) -> tuple[str, ...]:
    """The parameters that this person may change now."""
    if operation.status != S.AWAITING_APPROVAL or operation.requester is None:
        return ()
    right = approvals.right_of(user, subject_of(operation))
    return right.step.editable if isinstance(right, Right) and "parameters" in operation.arguments else ()


def _refused(by: User, operation: Operation, digest: str, parameters: Mapping[str, Any]) -> Denied | None:
    denied = _not_editable(by, operation, digest, parameters)
    if denied is not None:
        return denied
    checked = _checked(operation, parameters)
    if isinstance(checked, Denied):
        return checked
    ruling = judge_draft(replace(draft_of(operation), parameters=checked), point="request").ruling
    return None if ruling.allowed else denied_by(ruling)


def _not_editable(by: User, operation: Operation, digest: str, parameters: Mapping[str, Any]) -> Denied | None:
    if operation.status != S.AWAITING_APPROVAL or operation.requester is None:
        reason = f"{operation.short_id} is {S(operation.status).label}; nothing waits for a signature."
        return Denied("approval.waiting", "operation", reason, status=409)
    right = approvals.right_of(by, subject_of(operation))
    if isinstance(right, Denied):
        return right
    if digest != operation.change_digest:
        return Denied("approval.digest", "digest", "The plan changed after you opened it.", status=409)
    changed = _changed(operation, parameters)
    allowed = ", ".join(right.step.editable) or "nothing"
    fix = f"{right.step.name} may change {allowed}."
    if not changed:
        return Denied("approval.edit", "parameters", "Nothing of it would change.", fix, status=422)
    beyond = [name for name in changed if name not in right.step.editable or "parameters" not in operation.arguments]
    if beyond:
        return Denied("approval.editable", f"parameters.{beyond[0]}", f"{beyond[0]} is not yours to change.", fix)
    return None


def _changed(operation: Operation, parameters: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    present = operation.arguments.get("parameters", {})
    return {
        name: (present.get(name), value) for name, value in sorted(parameters.items()) if present.get(name) != value
    }


def _checked(operation: Operation, parameters: Mapping[str, Any]) -> dict[str, Any] | Denied:
    environment = operation.environment
    wanted = {**operation.arguments["parameters"], **parameters}
    begins = kinds.of(operation).begins_environment
    previous = None if begins else environment.parameters
    checked = schema.check(environment.template_version.parameters, wanted, previous=previous)
    errors = tuple(FieldError(f"parameters.{e.field}", e.rule, e.message, e.fix) for e in checked.errors)
    if errors:
        return wrong_fields(errors)
    return dict(checked.values)


def _written(by: User, pk: UUID, digest: str, parameters: Mapping[str, Any]) -> Operation | Denied:
    rows = Operation.objects.select_for_update(of=("self",)).select_related("requester", "team")
    operation = rows.select_related("environment__template_version").get(pk=pk)
    denied = _not_editable(by, operation, digest, parameters)
    checked = _checked(operation, parameters) if denied is None else denied
    if isinstance(checked, Denied):
        return checked
    changed = _changed(operation, parameters)
    words = ", ".join(f"{name} from {old} to {new}" for name, (old, new) in changed.items())
    approvals.void(ref=operation.ref, reason=f"{by} changed {words}.")
    arguments = {**operation.arguments, "parameters": checked}
    if kinds.of(operation).begins_environment:
        _of_new(operation.environment, checked)
    record(
        "operation.edited",
        object=operation.ref,
        scope=f"team:{operation.team_id}",
        data={"changed": {name: {"from": old, "to": new} for name, (old, new) in changed.items()}},
    )
    edited = sorted({*operation.edited_by, by.pk})
    blocked = f"{by} changed {words}."[:300]
    move(operation, S.REQUESTED, arguments=arguments, edited_by=edited, asked=[], remind_at=None, blocked=blocked)
    if short := holdings.reserve(operation.environment):
        raise Full(short)
    costs.hold_budgets(replace(draft_of(operation), parameters=checked))
    wake(operation.pool)
    return operation


def _of_new(environment: Environment, parameters: Mapping[str, Any]) -> None:
    """What will be created is recorded before it is."""
    rates = price(environment.template_version, parameters)
    Environment.objects.filter(pk=environment.pk).update(
        parameters=dict(parameters), rate_running=rates.running, rate_suspended=rates.suspended
    )
