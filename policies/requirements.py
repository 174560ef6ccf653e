"""Who must sign: which rules match a matter, and how their steps join. Who the signers are stands in signers.py.

Rules are joined by position and name: a step that several rules ask for is one step, in which each rule keeps its own
count and its own signers, and all of them must be met. Steps of one position run side by side, later ones wait.
Of the rest the strictest counts: the shortest lifetime, expiry before escalation, every reminder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from policies.models import ApprovalRule, OnExpiry, RuleStep

ANY_WARNING = "any:warn"
ANY_WAIVED = "any:waived"
_ANY = {ANY_WARNING: "warn", ANY_WAIVED: "waived"}


@dataclass(frozen=True)
class Matter:
    """What rules match on. `cost_delta` is per hour; `findings` are severities by rule id; slugs, "" for unknown."""

    kind: str
    tier: str
    template: str = ""
    team: str = ""
    service: str = ""
    cost_delta: Decimal = Decimal(0)
    findings: Mapping[str, str] = field(default_factory=dict)
    in_window: bool = True


@dataclass(frozen=True)
class Clause:
    """What one rule asks of one step: `quorum` signatures of `who`, and at least so many of each in `least`."""

    rule: str
    quorum: int
    who: tuple[str, ...]
    least: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a requirement: what every rule asks of it. `editable` names parameters its signers may change."""

    position: int
    name: str
    clauses: tuple[Clause, ...]
    editable: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What a signature names as its step."""
        return f"{self.position}:{self.name}"

    @property
    def quorum(self) -> int:
        """How many signatures satisfy it at least."""
        return max(clause.quorum for clause in self.clauses)

    @property
    def who(self) -> tuple[str, ...]:
        """Everybody who may sign it, as `team:…`, `role:…@…` or `person:…`."""
        return tuple(sorted({group for clause in self.clauses for group in clause.who}))

    def least(self, group: str) -> int:
        """How many of this group must sign."""
        return max(clause.least.get(group, 0) for clause in self.clauses)


@dataclass(frozen=True)
class Requirement:
    """The joined steps of the rules that matched, and why each did. Without steps nobody has to sign."""

    rules: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    owning: str = ""
    lifetime_hours: int = 72
    on_expiry: str = OnExpiry.REJECT.value
    escalate_to: tuple[str, ...] = ()
    remind_hours: tuple[int, ...] = ()

    @cached_property
    def signatures(self) -> int:
        """How many people sign at least."""
        return sum(step.quorum for step in self.steps)

    @cached_property
    def owning_team(self) -> int:
        """How many of them of the owning team."""
        return sum(step.least(self.owning) for step in self.steps)

    @cached_property
    def also_from(self) -> tuple[str, ...]:
        """The other teams whose approvers may sign."""
        others = {group for step in self.steps for group in step.who if group != self.owning}
        return tuple(sorted(group.removeprefix("team:") for group in others if group.startswith("team:")))

    def step(self, key: str) -> Step | None:
        """The step of this key."""
        return next((step for step in self.steps if step.key == key), None)

    def widened(self) -> "Requirement":
        """The same with those whom an escalation asks too."""
        return replace(self, steps=tuple(_widened(step, self.escalate_to) for step in self.steps))

    def as_json(self) -> dict[str, Any]:
        return {
            **{key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()},
            "steps": [{**asdict(step), "key": step.key} for step in self.steps],
            "signatures": self.signatures,
            "owning_team": self.owning_team,
            "also_from": list(self.also_from),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Requirement":
        if not data:
            return Requirement()
        return Requirement(
            rules=tuple(data.get("rules", ())),
            why=dict(data.get("why", {})),
            steps=tuple(_step(row) for row in data.get("steps", ())),
            owning=data.get("owning", ""),
            lifetime_hours=data.get("lifetime_hours", 72),
            on_expiry=data.get("on_expiry", OnExpiry.REJECT.value),
            escalate_to=tuple(data.get("escalate_to", ())),
            remind_hours=tuple(data.get("remind_hours", ())),
        )


def _step(row: Mapping[str, Any]) -> Step:
    clauses = tuple(
        Clause(clause["rule"], clause["quorum"], tuple(clause["who"]), dict(clause["least"]))
        for clause in row["clauses"]
    )
    return Step(row["position"], row["name"], clauses, tuple(row["editable"]))


def _widened(step: Step, more: Iterable[str]) -> Step:
    clauses = tuple(replace(clause, who=tuple(sorted({*clause.who, *more}))) for clause in step.clauses)
    return replace(step, clauses=clauses)


def plain(*, signatures: int, team: str, owning_team: int = 0, also_from: Iterable[str] = ()) -> Requirement:
    """One step of the approvers of these teams, without any rule: for what rules do not speak of."""
    owning = f"team:{team}"
    who = (owning, *(f"team:{slug}" for slug in sorted(also_from)))
    clause = Clause("", signatures, who, {owning: owning_team} if owning_team else {})
    return Requirement(owning=owning, steps=(Step(1, "Approval", (clause,)),) if signatures else ())


def active_rules() -> list[ApprovalRule]:
    """Every rule in force, with its steps."""
    return list(ApprovalRule.objects.filter(active=True).prefetch_related("steps"))


def requirement_for(matter: Matter, rules: Iterable[ApprovalRule] | None = None) -> Requirement:
    """What the matching rules ask together; `rules` are those in force unless given."""
    known = active_rules() if rules is None else rules
    return joined([(rule, why) for rule in known if (why := reason_of(rule, matter)) is not None], team=matter.team)


def joined(matching: Iterable[tuple[ApprovalRule, str]], *, team: str) -> Requirement:
    """Join rules with the reasons why they match."""
    found = [(rule, why) for rule, why in matching if rule.steps.all()]
    if not found:
        return Requirement()
    rules = [rule for rule, _ in found]
    rejects = any(rule.on_expiry == OnExpiry.REJECT for rule in rules)
    return Requirement(
        rules=tuple(rule.slug for rule in rules),
        why={rule.slug: why for rule, why in found},
        steps=_joined_steps(rules, team),
        owning=_owning(team),
        lifetime_hours=min(rule.lifetime_hours for rule in rules),
        on_expiry=OnExpiry.REJECT.value if rejects else OnExpiry.ESCALATE.value,
        escalate_to=() if rejects else tuple(sorted({group for rule in rules for group in _escalated(rule)})),
        remind_hours=tuple(sorted({hours for rule in rules for hours in rule.remind_hours})),
    )


def _joined_steps(rules: Iterable[ApprovalRule], team: str) -> tuple[Step, ...]:
    places: dict[tuple[int, str], list[tuple[ApprovalRule, RuleStep]]] = {}
    for rule in rules:
        for row in rule.steps.all():
            places.setdefault((row.position, row.name), []).append((rule, row))
    return tuple(_joined_step(place, places[place], team) for place in sorted(places))


def _joined_step(place: tuple[int, str], rows: list[tuple[ApprovalRule, RuleStep]], team: str) -> Step:
    """What only one of several rules lets a signer change stays as it is."""
    editable = set.intersection(*(set(row.editable) for _, row in rows))
    return Step(*place, tuple(_clause(rule, row, team) for rule, row in rows), tuple(sorted(editable)))


def _clause(rule: ApprovalRule, row: RuleStep, team: str) -> Clause:
    who = {f"team:{slug}" for slug in row.teams} | {_role(role, team) for role in row.roles}
    if row.owning:
        who.add(_owning(team))
    least = {f"team:{slug}": 1 for slug in row.groups}
    if row.owning_least:
        least[_owning(team)] = max(row.owning_least, least.get(_owning(team), 0))
    return Clause(rule.slug, row.quorum, tuple(sorted(who)), least)


def _owning(team: str) -> str:
    return f"team:{team}" if team else "team"


def _role(role: str, team: str) -> str:
    return f"role:{role}" if "@" in role else f"role:{role}@{team}"


def _escalated(rule: ApprovalRule) -> set[str]:
    people = {f"person:{username}" for username in rule.escalate_people}
    return {f"team:{slug}" for slug in rule.escalate_teams} | people


def reason_of(rule: ApprovalRule, matter: Matter) -> str | None:
    """Why the rule matches, in words; None when it does not."""
    words: list[str] = []
    for wanted, value, name in (
        (rule.kinds, matter.kind, "operation"),
        (rule.tiers, matter.tier, "tier"),
        (rule.templates, matter.template, "template"),
        (rule.teams, matter.team, "team"),
        (rule.services, matter.service, "service"),
    ):
        if wanted and value not in wanted:
            return None
        if wanted:
            words.append(f"{name} {value}")
    for asked in (_by_cost(rule, matter), _by_findings(rule, matter), _by_window(rule, matter)):
        if asked is None:
            return None
        words.append(asked)
    return ", ".join(word for word in words if word) or "everything"


def _by_cost(rule: ApprovalRule, matter: Matter) -> str | None:
    if rule.cost_delta is None:
        return ""
    if matter.cost_delta < rule.cost_delta:
        return None
    return f"{matter.cost_delta.normalize():f} more an hour (from {rule.cost_delta.normalize():f})"


def _by_findings(rule: ApprovalRule, matter: Matter) -> str | None:
    if not rule.findings:
        return ""
    severities = {_ANY[name] for name in rule.findings if name in _ANY}
    found = [name for name, severity in matter.findings.items() if name in rule.findings or severity in severities]
    return f"finding {', '.join(sorted(found))}" if found else None


def _by_window(rule: ApprovalRule, matter: Matter) -> str | None:
    if not rule.outside_window:
        return ""
    return None if matter.in_window else "outside the window"
