"""Writing approval rules: who may, what makes sense, and the steps as one whole. Matching is in requirements.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError

from audit.context import context
from audit.record import record
from policies.access.refusals import refuse
from policies.models import ApprovalRule, CustomRole, OnExpiry, Role, RuleStep, Team, User
from policies.permissions import Permission, may
from policies.results import Denied, FieldError, wrong_fields


@dataclass(frozen=True)
class StepDraft:
    """One step as it was asked; the fields of RuleStep."""

    name: str = "Approval"
    position: int = 1
    quorum: int = 1
    owning: bool = True
    owning_least: int = 0
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleDraft:
    """One rule as it was asked; the fields of ApprovalRule and its steps."""

    slug: str
    description: str
    steps: tuple[StepDraft, ...]
    criteria: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cost_delta: Decimal | None = None
    outside_window: bool = False
    lifetime_hours: int = 72
    on_expiry: str = OnExpiry.REJECT.value
    escalate_teams: tuple[str, ...] = ()
    escalate_people: tuple[str, ...] = ()
    remind_hours: tuple[int, ...] = ()
    active: bool = True


CRITERIA = ("tiers", "kinds", "templates", "teams", "services", "findings")


def save(*, by: User, draft: RuleDraft, rule: ApprovalRule | None = None) -> ApprovalRule | Denied:
    """Write a rule with its steps, a new one unless `rule` is given. What waits keeps what it was asked for."""
    allowed = may(by, Permission.MANAGE_APPROVAL_RULES, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"approvalrule:{draft.slug if rule is None else rule.pk}")
    errors = tuple(_errors(draft))
    if errors:
        return wrong_fields(errors)
    try:
        with context(by=by, reason=f"approval rule {draft.slug}"):
            return _written(draft, rule)
    except IntegrityError:
        return Denied("rule.name_free", "slug", f"A rule named {draft.slug} exists.", "Choose another.", status=409)


def switch(*, by: User, rule: ApprovalRule, active: bool) -> ApprovalRule | Denied:
    """Put a rule in force or out of it."""
    allowed = may(by, Permission.MANAGE_APPROVAL_RULES, None)
    if isinstance(allowed, Denied):
        return refuse(allowed, by=by, object=f"approvalrule:{rule.pk}")
    with context(by=by, reason=f"approval rule {rule.slug} {'on' if active else 'off'}"):
        ApprovalRule.objects.filter(pk=rule.pk).update(active=active)
        record("approvalrule.switched", object=f"approvalrule:{rule.pk}", data={"active": active})
    rule.refresh_from_db()
    return rule


def unsaved(draft: RuleDraft) -> ApprovalRule:
    """The rule itself, without its steps, not written."""
    criteria = {name: list(draft.criteria.get(name, ())) for name in CRITERIA}
    plain = {name: value for name, value in vars(draft).items() if name not in ("criteria", "steps")}
    return ApprovalRule(**criteria, **{name: _listed(value) for name, value in plain.items()})


def _written(draft: RuleDraft, rule: ApprovalRule | None) -> ApprovalRule:
    made = unsaved(draft)
    made.pk = rule.pk if rule else None
    made.save(force_update=rule is not None, force_insert=rule is None)
    made.steps.all().delete()
    RuleStep.objects.bulk_create(
        [RuleStep(rule=made, **{name: _listed(value) for name, value in vars(step).items()}) for step in draft.steps]
    )
    record("approvalrule.saved", object=f"approvalrule:{made.pk}", data={"slug": made.slug})
    return made


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _errors(draft: RuleDraft) -> Iterable[FieldError]:
    if not draft.steps:
        yield FieldError("steps", "rule.steps", "A rule has at least one step.", "Add one.")
    if not draft.description.strip() or len(draft.description) > 200:
        yield FieldError("description", "rule.description", "Say in at most 200 signs what it is for.")
    if not 1 <= draft.lifetime_hours <= 24 * 90:
        yield FieldError("lifetime_hours", "rule.lifetime", "Between 1 hour and 90 days.")
    if draft.on_expiry == OnExpiry.ESCALATE and not (draft.escalate_teams or draft.escalate_people):
        yield FieldError("escalate_teams", "rule.escalation", "An escalation needs somebody to go to.")
    places = [(step.position, step.name) for step in draft.steps]
    if len(set(places)) < len(places):
        yield FieldError("steps", "rule.step_once", "Two steps of one position have one name.", "Rename one.")
    for step in draft.steps:
        yield from _step_errors(step)
    yield from _unknown(draft)


def _step_errors(step: StepDraft) -> Iterable[FieldError]:
    place = f"steps.{step.name}"
    if not step.name.strip() or len(step.name) > 40 or not 1 <= step.position <= 20:
        yield FieldError("steps", "rule.step_name", "A step has a name and a position from 1 to 20.")
    if not 1 <= step.quorum <= 20:
        yield FieldError(f"{place}.quorum", "rule.quorum", "Between 1 and 20 signatures.")
    if step.owning_least > (step.quorum if step.owning else 0):
        yield FieldError(f"{place}.owning_least", "rule.owning", "More of the owning team than may sign.")
    if not (step.owning or step.teams or step.roles):
        yield FieldError(f"{place}.teams", "rule.signers", "Nobody may sign this step.", "Name a team or a role.")
    if not set(step.groups) <= set(step.teams):
        yield FieldError(f"{place}.groups", "rule.groups", "A required team must be one that may sign.")


def _unknown(draft: RuleDraft) -> Iterable[FieldError]:
    roles = [role.partition("@") for step in draft.steps for role in step.roles]
    named = {*draft.criteria.get("teams", ()), *draft.escalate_teams, *(t for step in draft.steps for t in step.teams)}
    named |= {team for _, at, team in roles if at}
    missing = named - set(Team.objects.filter(slug__in=named).values_list("slug", flat=True))
    people = set(draft.escalate_people)
    missing |= people - set(User.objects.filter(username__in=people, is_active=True).values_list("username", flat=True))
    held = {name for name, _, _ in roles} - set(Role.values)
    for name in sorted(held - set(CustomRole.objects.filter(slug__in=held).values_list("slug", flat=True))):
        yield FieldError("roles", "rule.known", f"There is no role {name}.", "Name a role, built-in or of your own.")
    for name in sorted(missing):
        yield FieldError("teams", "rule.known", f"Nothing is named {name}.", "Use the short name of a team or person.")
