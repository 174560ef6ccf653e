"""Which findings are waived or overridden now, who may grant that, and who may see it. Reads only.

Asking, granting and ending are `waiving.py`; what an environment's references are, its caller knows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from policies import engine
from policies.bundle import Bundle, Rule
from policies.engine import BLOCKING, Finding, Ruling
from policies.models import Team, User, Waiver
from policies.permissions import Permission, may, people_with, teams_with
from policies.results import Allowed, Denied

# How a rule's `meta.waiver` names its owner. Any other text means that nobody may waive the rule.
PLATFORM = "The platform team"
OWNERS = "The owners of the team"
_RIGHTS = {PLATFORM: Permission.MANAGE_POLICIES, OWNERS: Permission.MANAGE_TEAM}
LIVING = (Waiver.State.ASKED, Waiver.State.GRANTED)
_WIDTH = ("request:", "environment:", "service:", "team:")


def applied(ruling: Ruling, refs: Sequence[str], now: datetime) -> Ruling:
    """The ruling with what is waived at `now` for these references, widest last, marked and no longer blocking.

    What still blocks says what a waiver could be asked for and who may grant it. Nothing is ever made worse.
    """
    if not any(finding.severity in BLOCKING for finding in ruling.findings):
        return ruling
    rules = _rules()
    living = _in_force(ruling, refs, now)
    findings = tuple(_marked(finding, rules.get(finding.rule), living, refs) for finding in ruling.findings)
    allowed = not any(finding.severity in BLOCKING for finding in findings)
    return replace(ruling, allowed=allowed, findings=findings)


def _rules() -> dict[str, Rule]:
    bundle = engine.in_force()
    return {rule.id: rule for rule in bundle.rules} if isinstance(bundle, Bundle) else {}


def _in_force(ruling: Ruling, refs: Sequence[str], now: datetime) -> list[Waiver]:
    """Granted waivers of what blocks, the narrowest first. An override counts for the request as it was asked."""
    rules = {finding.rule for finding in ruling.findings if finding.severity in BLOCKING}
    found = Waiver.objects.filter(state=Waiver.State.GRANTED, rule__in=rules, expires_at__gt=now)
    mine = Q(operation="") | Q(operation__in=[ref for ref in refs if ref.startswith("operation:")])
    return sorted(found.filter(mine, scope__in=refs), key=lambda row: (width(row.scope), row.pk))


def _marked(finding: Finding, rule: Rule | None, living: Iterable[Waiver], refs: Sequence[str]) -> Finding:
    if finding.severity not in BLOCKING or rule is None:
        return finding
    for waiver in living:
        if waiver.rule == rule.id and (is_overridable(rule) if waiver.is_override else is_waivable(rule)):
            return replace(finding, severity="waived", waiver=waiver.pk)
    ask = tuple(ref for ref in refs if may_be_asked(rule, ref))
    return replace(finding, ask=ask, owner=rule.waiver if is_waivable(rule) else "")


def width(scope: str) -> int:
    """How much a scope covers: 0 for one request, 3 for a team."""
    return next(n for n, prefix in enumerate(_WIDTH) if scope.startswith(prefix))


def is_waivable(rule: Rule) -> bool:
    """Does the rule say who may waive it?"""
    return rule.severity in BLOCKING and rule.waiver in _RIGHTS


def is_overridable(rule: Rule) -> bool:
    """May one request be let through by a person?"""
    return rule.severity == "soft"


def may_be_asked(rule: Rule, scope: str) -> bool:
    """Can a waiver of the rule be asked for this scope?"""
    if scope.startswith("request:"):
        return is_overridable(rule)
    return is_waivable(rule) and scope.startswith(_WIDTH)


def rule_of(name: str) -> Rule | None:
    """The rule of this id in the bundle in force."""
    return _rules().get(name)


def may_decide(user: User, waiver: Waiver) -> Allowed | Denied:
    """May this person grant or refuse it? The rule's owner, or for an override who may override; never who asked."""
    who = deciders(waiver)
    if user.pk == waiver.asked_by_id:
        reason = "You asked for this waiver, so you cannot decide it."
        return Denied("waiver.not_asker", "decided_by", reason, "Ask somebody else who may.", who)
    rule = rule_of(waiver.rule)
    if rule is None or not may_be_asked(rule, waiver.scope):
        reason = f"Nobody can waive the rule {waiver.rule} as it is now."
        return Denied("waiver.rule", "rule", reason, "Withdraw it, and keep to the rule.", who, 409)
    if waiver.is_override:
        return may(user, Permission.OVERRIDE_POLICY, waiver.team)
    return may(user, _RIGHTS[rule.waiver], None if rule.waiver == PLATFORM else waiver.team)


def deciders(waiver: Waiver) -> str:
    """Who decides it, in words."""
    rule = rule_of(waiver.rule)
    if rule is None or not may_be_asked(rule, waiver.scope):
        return "Nobody"
    if not waiver.is_override and rule.waiver == PLATFORM:
        return PLATFORM
    right = Permission.OVERRIDE_POLICY if waiver.is_override else _RIGHTS[rule.waiver]
    others = people_with(right, waiver.team).exclude(pk=waiver.asked_by_id)
    return " or ".join(str(person) for person in others) or "Nobody yet: somebody else must become owner"


def visible_to(user: User) -> QuerySet[Waiver]:
    """The waivers of the teams that the person may see, with who asked and decided."""
    rows = Waiver.objects.filter(team__in=teams_with(user, Permission.VIEW))
    return rows.select_related("team", "owner", "asked_by", "decided_by")


def by_risk(rows: QuerySet[Waiver]) -> QuerySet[Waiver]:
    """The widest first, then what ends soonest."""
    whens = [When(scope__startswith=prefix, then=Value(n)) for n, prefix in enumerate(_WIDTH)]
    return rows.annotate(width=Case(*whens, output_field=IntegerField())).order_by("-width", "expires_at", "pk")


def to_decide(user: User) -> list[Waiver]:
    """What this person may decide now, by risk."""
    asked = by_risk(visible_to(user).filter(state=Waiver.State.ASKED).exclude(asked_by=user))
    return [waiver for waiver in asked if may_decide(user, waiver)]


def unreviewed() -> QuerySet[Waiver]:
    """Granted waivers that ended and whose effects nobody judged again yet. What an override let through may stay."""
    rows = Waiver.objects.filter(state=Waiver.State.ENDED, decided_at__isnull=False, reviewed_at=None)
    return rows.exclude(scope__startswith="request:").select_related("team").order_by("ended_at", "pk")


def teams_of(scope: str) -> QuerySet[Team]:
    """The team that a scope names by itself; none for an environment, whose team its caller knows."""
    kind, _, key = scope.partition(":")
    if kind == "service":
        return Team.objects.filter(services__slug=key)
    return Team.objects.filter(slug=key.split(":")[1] if kind == "request" else key if kind == "team" else "")
