"""Asks the policy engine about a draft, lets waivers count, and says who must sign.

Used by preview, request, plan and claim.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from policies import approvals, waivers
from policies.approvals import Matter, Requirement
from policies.decisions import denied_by
from policies.engine import Finding, Ruling, judge
from policies.models import Service
from policies.windows import Open
from provisioning import costs, facts, kinds
from provisioning.digest import sha256
from provisioning.drivers.base import Plan
from provisioning.facts import Draft
from provisioning.models import Operation


@dataclass(frozen=True)
class Judgement:
    """A ruling with the signatures it was judged under."""

    ruling: Ruling
    requirement: Requirement


def judge_draft(draft: Draft, *, point: str, plan: Plan | None = None, now: datetime | None = None) -> Judgement:
    """Gather one snapshot of facts and judge it. Missing facts deny."""
    moment = now or timezone.now()
    kind = kinds.get(draft.kind)
    signed_as = kind.approved_as if kind and kind.approved_as else draft.kind
    if kind and kind.judged_as:
        draft = replace(draft, kind=kind.judged_as)
    window = facts.window_of(draft, moment)
    rules, matter = approvals.active_rules(), matter_of(draft, signed_as, in_window=isinstance(window, Open))
    requirement = approvals.requirement_for(matter, rules)
    try:
        snapshot = facts.gather(
            draft,
            requirement=requirement,
            plan=plan,
            window=window,
            now=moment,
            needs=kind.facts if kind else (),
        )
    except facts.MissingFacts as missing:
        return Judgement(_no_facts(str(missing)), requirement)
    ruling = waivers.applied(judge(point, snapshot, now=moment), refs_of(draft), moment)
    found = {finding.rule: finding.severity for finding in ruling.findings}
    if found:
        requirement = approvals.requirement_for(replace(matter, findings=found), rules)
    return Judgement(ruling, requirement)


def matter_of(draft: Draft, signed_as: str, *, in_window: bool) -> Matter:
    """What approval rules match on, before policy has found anything."""
    return Matter(
        kind=signed_as,
        tier=draft.tier,
        template=draft.version.template.slug,
        team=draft.team.slug,
        service=draft.service.slug,
        cost_delta=costs.cost_to_sign(draft),
        in_window=in_window,
    )


def refs_of(draft: Draft) -> tuple[str, ...]:
    """What waivers may name to mean this draft, the narrowest first."""
    refs = [f"operation:{draft.operation}"] if draft.operation else []
    if draft.requester is not None:
        refs.append(f"request:{draft.requester.pk}:{draft.team.slug}:{_same_request(draft)}")
    return (*refs, *refs_of_place(draft.environment, draft.service))


def refs_of_place(environment: str, service: Service) -> tuple[str, ...]:
    """The same of an environment, whatever is asked of it; "" for one that is not there yet."""
    places = (f"environment:{environment}",) if environment else ()
    return (*places, f"service:{service.slug}", f"team:{service.team.slug}")


def _same_request(draft: Draft) -> str:
    """Equal for a request and for the operation that it becomes: of the lifetime only what a new one asks."""
    kind = kinds.get(draft.kind)
    begins = kind is not None and kind.begins_environment
    return sha256(
        {
            "kind": draft.kind,
            "name": draft.name,
            "tier": draft.tier,
            "service": draft.service.slug,
            "version": draft.version.digest,
            "parameters": dict(draft.parameters),
            "ttl_hours": draft.ttl_hours if begins else None,
        }
    ).removeprefix("sha256:")


def stopped_by(operation: Operation, ruling: Ruling) -> str:
    """Why policy stops what it let pass when it was planned, in a sentence."""
    denied = denied_by(ruling)
    for error in denied.errors:
        if error.rule in operation.context.get("waived", []):
            return f"The waiver of the rule {error.rule} ended. {error.message}"
    return f"Policy stops it now by the rule {denied.rule}: {denied.reason}"


def _no_facts(message: str) -> Ruling:
    finding = Finding(
        rule="policy.facts",
        severity="block",
        field="",
        value=None,
        message=message,
        fix="Try again later; nothing was changed.",
        who="A platform engineer",
    )
    return Ruling(allowed=False, findings=(finding,), passed=(), bundle="built-in", input_digest="", micros=0)


def draft_of(operation: Operation) -> Draft:
    """The draft that an accepted operation stands for."""
    environment = operation.environment
    return Draft(
        kind=operation.kind,
        name=environment.name,
        tier=environment.tier,
        service=environment.service,
        version=environment.template_version,
        parameters=operation.arguments.get("parameters", environment.parameters),
        owner=environment.owner,
        ttl_hours=operation.arguments.get("ttl_hours", remaining_hours(operation)),
        requester=operation.requester,
        created_at=environment.created_at,
        environment=str(environment.pk),
        operation=str(operation.pk),
    )


def remaining_hours(operation: Operation) -> int | None:
    """Whole hours from creation to expiry of the operation's environment, or None without expiry."""
    environment = operation.environment
    if environment.expires_at is None:
        return None
    return int((environment.expires_at - environment.created_at).total_seconds() // 3600)
