"""Makes the plan of an operation, judges it, and decides where it goes: denied, to be signed, or queued."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audit.context import context
from policies import approvals, seats, waiving
from policies.decisions import denied_by, record_ruling
from provisioning import kinds
from provisioning.costs import cost_delta
from provisioning.digest import ChangeSubject, change_digest, differences, sha256
from provisioning.drivers.base import DriverRejected, DriverUnavailable, EnvironmentSpec, Plan, Resources, TargetSpec
from provisioning.drivers.registry import driver
from provisioning.judging import Judgement, draft_of, judge_draft
from provisioning.kinds import OperationKind
from provisioning.lifecycle import Lease, move, release
from provisioning.models import Operation
from provisioning.redaction import place_of, said_by
from provisioning.releasing import forget_environment
from provisioning.risk import Risk, risk
from provisioning.runs.backoff import put_off, wait
from provisioning.runs.outcome import DEFECT
from provisioning.runs.store import AWAY
from provisioning.signing import subject_of, waiting_fields
from provisioning.states import OperationStatus as S
from provisioning.wake import wake

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """A plan made now: what it changes, its address, the document that was hashed, and what was observed."""

    spec: EnvironmentSpec
    plan: Plan
    digest: str
    document: Mapping[str, Any]
    observed: Resources


def make(operation: Operation) -> Made:
    """Observe and plan. Network, no transaction. Raises driver errors."""
    environment = operation.environment
    kind = kinds.of(operation)
    spec = kind.spec(environment, operation.arguments)
    target = driver(environment.driver)
    observed = target.observe(spec)
    plan = target.plan(spec, observed, kind.verb)
    _check_actions(kind, plan)
    subject = ChangeSubject(
        kind=operation.kind,
        environment=str(environment.pk),
        name=environment.name,
        tier=environment.tier,
        template=spec.template,
        parameters=spec.parameters,
        release=spec.release.digest if spec.release else "",
        ttl_hours=operation.arguments.get("ttl_hours"),
        rates={"running": str(environment.rate_running), "suspended": str(environment.rate_suspended)},
        target=_address(spec.target),
        secrets=dict(environment.secrets.order_by("name").values_list("name", "version")),
    )
    document = {**subject.document(), "changes": [asdict(change) for change in plan.changes]}
    return Made(spec, plan, change_digest(subject, plan), document, observed)


def _check_actions(kind: OperationKind, plan: Plan) -> None:
    """A plan that goes beyond what its kind may do is refused before anybody is asked to sign it."""
    beyond = [f"{change.action} {change.address}" for change in plan.changes if change.action not in kind.only]
    if kind.only and beyond:
        more = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
        raise DriverRejected(
            f"It may only {' or '.join(sorted(kind.only))}, but it would also {', '.join(beyond[:5])}{more}. "
            "Nothing was touched."
        )


def _address(target: TargetSpec | None) -> str:
    return f"{target.name}@{sha256(vars(target))}" if target else ""


def plan_operation(operation: Operation, lease: Lease) -> None:
    """Plan a requested operation and move it on. Unreachable targets put it off; a refusal ends it."""
    try:
        made = make(operation)
    except DriverUnavailable as error:
        put_off(operation, lease, reason=said_by(error), back_to=S.REQUESTED)
        return
    except DriverRejected as error:
        _end(operation, lease, S.FAILED, said_by(error))
        return
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the worker must survive any defect of a driver
        log.error("planning operation %s stopped by a defect: %s", operation.pk, place_of(error))
        _end(operation, lease, S.FAILED, DEFECT)
        return
    driver(operation.environment.driver).discard(made.plan)
    judgement = judge_draft(draft_of(operation), point="plan", plan=made.plan)
    if not judgement.ruling.is_judged:
        wait(operation, lease, reason=denied_by(judgement.ruling).reason, back_to=S.REQUESTED)
        return
    with context(by=f"worker:{lease.holder}", operation=operation.ref):
        store(operation, made, judgement)
        _move_on(operation, judgement, lease)
        release(lease)


def _end(operation: Operation, lease: Lease, status: str, error: str) -> None:
    with context(by=f"worker:{lease.holder}", operation=operation.ref):
        if move(operation, status, fence=lease.fence, error=error[:600]):
            forget_environment(operation)
        release(lease)


def store(operation: Operation, made: Made, judgement: Judgement) -> None:
    """Keep the plan, its address, the context and who must sign. Call inside an audit context."""
    needed = required_of(operation, judgement)
    operation.plan = dict(made.document)
    operation.change_digest = made.digest
    operation.context = context_of(operation, judgement)
    operation.approval = needed.as_json()
    operation.signatures_needed = needed.signatures
    operation.owning_needed = needed.owning_team
    operation.risk = risk_of(operation, made.document, judgement).score
    names = ("plan", "change_digest", "context", "approval", "signatures_needed", "owning_needed", "risk")
    operation.save(update_fields=names)
    waiving.use(ruling=judgement.ruling, operation=operation.ref)
    record_ruling(judgement.ruling, subject=operation.ref, point="plan", kind=operation.kind, team=operation.team)


def required_of(operation: Operation, judgement: Judgement) -> approvals.Requirement:
    """Who must sign it: nobody what no person asked for, and more may once it was escalated."""
    if operation.requester_id is None:
        return approvals.Requirement()
    return judgement.requirement.widened() if operation.escalated_at else judgement.requirement


def context_of(operation: Operation, judgement: Judgement) -> dict[str, Any]:
    """What is true around the plan: stored with each signature, judged again at claim, never part of the digest."""
    environment = operation.environment
    return {
        "allowed": judgement.ruling.allowed,
        "warnings": sorted(f.rule for f in judgement.ruling.findings if f.severity == "warn"),
        "waived": sorted({f.rule for f in judgement.ruling.findings if f.severity == "waived"}),
        "bundle": judgement.ruling.bundle,
        "rate_running": str(environment.rate_running),
        "rate_suspended": str(environment.rate_suspended),
        "currency": environment.currency,
    }


def risk_of(operation: Operation, document: Mapping[str, Any], judgement: Judgement) -> Risk:
    """How soon its signers should read it."""
    return risk(
        tier=operation.tier,
        plan=document,
        severities=[finding.severity for finding in judgement.ruling.findings],
        cost_delta=cost_delta(draft_of(operation)),
    )


def _move_on(operation: Operation, judgement: Judgement, lease: Lease) -> None:
    if not judgement.ruling.allowed:
        if move(operation, S.DENIED, fence=lease.fence, error=denied_by(judgement.ruling).reason[:600]):
            forget_environment(operation)
    elif operation.signatures_needed:
        to_be_signed(operation, lease)
    elif move(operation, S.QUEUED, fence=lease.fence):
        wake(operation.pool)


def to_be_signed(operation: Operation, lease: Lease, reason: str = "") -> None:
    """Send the operation to its signers; when enough of them have signed this very digest before, straight on.

    Signatures whose signers have lost the right are void; `reason` says why it waits anew.
    """
    subject = subject_of(operation)
    lost = approvals.void_lost(subject)
    if lost and not reason:
        reason = f"The signature of {', '.join(lost)} does not count any more."
    can, standing = seats.satisfiable(subject), approvals.tally(subject)
    fields = waiting_fields(operation, subject.requirement, standing)
    blocked = reason if can else f"{can.reason} {can.fix} Who can: {can.who}."  # type: ignore[union-attr]
    if not move(operation, S.AWAITING_APPROVAL, fence=lease.fence, blocked=blocked[:300], **fields):
        return
    if standing.complete and move(operation, S.QUEUED, asked=[], remind_at=None):
        wake(operation.pool)


def changed_parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Which parts of a plan changed, in words."""
    return ", ".join(differences(before, after)) or "nothing"


def worsened(operation: Operation, judgement: Judgement) -> str:
    """What policy finds now and did not find when it was signed, in words; "" when nothing got worse."""
    known = {*operation.context.get("warnings", ()), *operation.context.get("waived", ())}
    new = sorted({finding.rule for finding in judgement.ruling.findings} - known)
    if not new:
        return ""
    same = operation.context.get("bundle") == judgement.ruling.bundle
    return f"{'policy result' if same else 'policy bundle'} (now {', '.join(new)})"
