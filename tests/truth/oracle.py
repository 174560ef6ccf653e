"""What must become of a request, written from docs/policies.md, approvals.md, quotas.md, windows.md and access.md.

Standard library only: nothing of the product is known here, and nothing of the table but the words of its axes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Case = Mapping[str, str]
PROD_LIKE = ("stage", "prod")
SHORT_LIVED = ("sandbox", "preview")
GROWING = ("create", "update")
MOVES = ("deploy", "promote", "rollback")

# Who the askers are: what access.md says of them, and whether they see the team's things at all.
ASKERS = {
    "outsider": "olaf",
    "viewer": "vera",
    "developer": "mara",
    "approver": "art",
    "owner": "oda",
    "platform": "pia",
    "auditor": "ana",
    "neighbour": "nils",
    "machine": "payments-bot",
    "granted": "gil",
    "lapsed": "lars",
    "denied": "dan",
    "custom": "cleo",
}
SEE_NOTHING = ("outsider", "neighbour", "lapsed")
MAY_ALL = ("developer", "owner", "machine", "granted")
GROUPS = {
    "payments": {"jonas", "ines", "art", "oda"},
    "reliability": {"tomasz", "nadia"},
    "owners": {"ines", "oda"},
}
# The hours that each finding's lifetime has; whatever else is asked lives three days where it must end.
LIFETIMES = {"long": 15 * 24, "month": 40 * 24, "over": 61 * 24}
LONGEST = 60 * 24
# What shuts, by the value of the window axis. `line`, `lines` and the switches are no windows.
WINDOWS = {
    "freeze": "everything",
    "prod": "prod-only",
    "rollbacks": "no-rollback",
    "outside": "later",
    "both": "everything",
}
# An hour more: a new M, an S that becomes an L, and what running costs above suspended.
MORE_AN_HOUR = {"create": 0.10, "update": 0.20, "resume": 0.04}


class Outcome(NamedTuple):
    """What became of a request.

    `state` is refused, signs, rejected, held or runs. A refusal has its status and every (rule, field), the first one
    first. `attempts` are the answers to those who tried to sign. `waits` are the open steps: name, how many are
    missing, and who may still sign. `held` is what holds it, or would if it were signed now.
    """

    state: str
    reasons: tuple[tuple[str, str], ...] = ()
    status: int = 0
    attempts: tuple[str, ...] = ()
    waits: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    held: str = ""


class Clause(NamedTuple):
    """What one rule asks in one step."""

    quorum: int
    who: tuple[str, ...]
    least: tuple[str, ...] = ()


Steps = dict[tuple[int, str], list[Clause]]


def expected(case: Case) -> Outcome:
    """What must become of it."""
    refused = _person(case) or _gate(case) or _thing(case)
    if refused is not None:
        return refused
    held = _held(case)
    if held == "switch.provisioning":
        return Outcome("held", attempts=("approval.waiting",) * len(ACTS[case["approvers"]]), held=held)
    return _signed(case, held)


def _refusal(status: int, *reasons: tuple[str, str]) -> Outcome:
    return Outcome("refused", reasons, status)


# Whether the person may.
def _person(case: Case) -> Outcome | None:
    kind, asker = case["kind"], case["requester"]
    right = "request" if kind == "create" else "deploy" if kind in MOVES else "operate"
    if asker == "denied":
        return _refusal(403, (f"deny.{right}", "requester"))
    if asker in MAY_ALL or (asker == "custom" and right == "request"):
        return None
    return _refusal(403, (f"role.{right}", "requester"))


# Whether the environment is where the change can begin.
def _gate(case: Case) -> Outcome | None:
    if case["kind"] == "deploy" and case["tier"] in PROD_LIKE:
        return _refusal(409, ("release.promoted", "environment"))
    if case["kind"] == "promote" and case["tier"] == "sandbox":
        return _refusal(409, ("release.verified_below", "release"))
    return None


# Whether the thing may: a new environment meets quotas first, a change policy first, and both budgets last.
def _thing(case: Case) -> Outcome | None:
    full, stopped = _quota(case), _policy(case)
    first, second = (full, stopped) if case["kind"] == "create" else (stopped, full)
    return first or second or _budget(case)


def _quota(case: Case) -> Outcome | None:
    metric = {
        "full": "environments",
        "lowered": "environments",
        "tier": "environments",
        "service": "vcpu",
        "money": "cost_month",
        "currency": "cost_month",
    }.get(case["quota"])
    if metric is None or case["kind"] not in GROWING:
        return None
    if case["kind"] == "update" and metric == "environments":
        return None
    if case["kind"] == "create" and case["quota"] == "money":
        return None
    return _refusal(409, (f"quota.{metric}", "team"))


def _budget(case: Case) -> Outcome | None:
    if case["quota"] == "blocks" and MORE_AN_HOUR.get(case["kind"], 0) > 0:
        return _refusal(409, ("budget.exceeded", "team"))
    return None


def _policy(case: Case) -> Outcome | None:
    found = [row for row in findings(case, planned=False) if row[0] in ("block", "soft")]
    return _refusal(422, *((rule, field) for _, rule, field in found)) if found else None


def findings(case: Case, *, planned: bool) -> list[tuple[str, str, str]]:
    """(severity, rule, field) of every finding: blocking ones first, then soft ones, by rule and field."""
    return sorted(_excepted(case, row) for row in (*_of_request(case), *(_of_plan(case) if planned else ())))


def _of_request(case: Case) -> Iterator[tuple[str, str, str]]:
    kind, tier, finding = case["kind"], case["tier"], case["findings"]
    if kind == "create" and finding == "reserved":
        yield "block", "env.name_reserved", "environment.name"
    if kind in ("create", "update", "deploy", "promote") and finding == "tierless":
        yield "block", "env.tier_template", "environment.tier"
    if kind in GROWING:
        yield from _of_lifetime(tier, finding)
        if finding == "costless":
            yield "block", "env.cost_centre", "environment.cost_centre"
    if kind in ("create", "update", "resume", "deploy", "promote") and tier in PROD_LIKE and finding == "unisolated":
        yield "block", "driver.isolation", "driver.isolated"
    if kind in ("create", "update", "deploy", "promote") and tier == "prod":
        yield from _of_signatures(case["rules"])
    if kind == "create" and case["quota"] == "last":
        yield "warn", "team.quota_low", "team.environments"


def _of_lifetime(tier: str, finding: str) -> Iterator[tuple[str, str, str]]:
    hours = LIFETIMES.get(finding, 72)
    field = "environment.ttl_hours"
    if finding == "endless":
        if tier not in PROD_LIKE:
            yield "block", "env.ttl_required", field
        return
    if tier not in PROD_LIKE and hours > LONGEST:
        yield "block", "env.ttl_maximum", field
    if tier in SHORT_LIVED and 14 * 24 < hours <= 30 * 24:
        yield "warn", "env.ttl_long", field
    if tier in SHORT_LIVED and hours > 30 * 24:
        yield "soft", "env.ttl_month", field


def _of_signatures(rules: str) -> Iterator[tuple[str, str, str]]:
    if rules == "none":
        yield "block", "prod.signatures", "signatures.required"
    if rules in ("none", "foreign"):
        yield "block", "prod.signatures", "signatures.required_owning_team"


def _of_plan(case: Case) -> Iterator[tuple[str, str, str]]:
    moved = case["kind"] in ("update", "deploy", "promote", "rollback")
    if moved and case["tier"] in PROD_LIKE and case["findings"] == "removal":
        yield "warn", "plan.removal", "plan.changes"


CULPRITS = {
    "clean": "env.ttl_maximum",
    "long": "env.ttl_long",
    "month": "env.ttl_month",
    "over": "env.ttl_maximum",
    "tierless": "env.tier_template",
    "costless": "env.cost_centre",
    "reserved": "env.name_reserved",
    "endless": "env.ttl_required",
    "unisolated": "driver.isolation",
    "removal": "plan.removal",
}
WAIVABLE = ("env.ttl_month", "env.ttl_maximum", "env.tier_template", "env.cost_centre", "env.ttl_required")


def _excepted(case: Case, row: tuple[str, str, str]) -> tuple[str, str, str]:
    """The finding, waived where an exception of its rule holds."""
    severity, rule, field = row
    waived = case["exception"] == "granted" and rule == CULPRITS[case["findings"]] and rule in WAIVABLE
    overridden = case["exception"] == "override" and severity == "soft"
    return ("waived" if waived or overridden else severity, rule, field)


# Whether it may begin now.
def _held(case: Case) -> str:
    setting, kind = case["window"], case["kind"]
    if setting == "paused":
        return "switch.provisioning"
    if setting in ("line", "lines"):
        return "" if kind == "rollback" else "stop"
    return f"window.{WINDOWS[setting]}" if _is_shut(case) else ""


def _is_shut(case: Case) -> bool:
    setting, kind = case["window"], case["kind"]
    if setting == "rollbacks" or kind == "rollback":
        return setting == "rollbacks" and kind == "rollback"
    return setting in ("freeze", "outside", "both") or (setting == "prod" and case["tier"] == "prod")


# Who must sign.
def required(case: Case) -> Steps:
    """The steps that the matching rules ask for, each with what every rule asks of it."""
    found: Steps = {}
    for place, clause in sorted(_asked(case)):
        found.setdefault(place, []).append(clause)
    return found


def _asked(case: Case) -> Iterator[tuple[tuple[int, str], Clause]]:
    rules, tier = case["rules"], case["tier"]
    severities = {row[0] for row in findings(case, planned=True)}
    approval = (1, "Approval")
    # Reconciling is signed as a change.
    signed = case["kind"] in ("create", "update", "reconcile", "destroy", "deploy", "promote")
    if tier == "prod" and signed and rules == "foreign":
        yield approval, Clause(2, ("reliability",))
    if tier == "prod" and signed and rules not in ("none", "foreign"):
        yield approval, Clause(2, ("payments", "reliability"), ("payments",))
    if rules == "warned" and "warn" in severities:
        yield approval, Clause(1, ("payments",))
    if rules == "waived" and "waived" in severities:
        yield (2, "Risk"), Clause(1, ("owners",))
    if rules == "shut" and _is_shut(case):
        yield (1, "Duty"), Clause(1, ("reliability",))
    if rules == "steps" and tier in ("test", "stage"):
        yield (1, "Team"), Clause(1, ("payments",))
        yield (2, "Reliability"), Clause(1, ("reliability",))
    if rules == "costly" and _cost(case) >= 0.08:
        yield approval, Clause(1, ("payments",))


def _cost(case: Case) -> float:
    more = MORE_AN_HOUR.get(case["kind"], 0)
    return 0 if case["quota"] == "small" and more * 730 < 100 else more


# Who tries to sign, in turn: the person, for whom, and how.
ACTS: dict[str, tuple[tuple[str, str], ...]] = {
    "nobody": (),
    "requester": (("requester", "approve"),),
    "one": (("jonas", "approve"),),
    "two": (("jonas", "approve"), ("ines", "approve")),
    "mixed": (("jonas", "approve"), ("tomasz", "approve")),
    "foreign": (("tomasz", "approve"),),
    "two_foreign": (("tomasz", "approve"), ("nadia", "approve")),
    "twice": (("jonas", "approve"), ("jonas", "approve")),
    "outsider": (("olaf", "approve"),),
    "stand_in": (("vera", "approve"), ("jonas", "approve")),
    "refused": (("tomasz", "reject"),),
    "stale": (("jonas", "stale"),),
}


class Life:
    """One plan and its signatures: (who signed, by whose right, in which step)."""

    def __init__(self, case: Case) -> None:
        self.steps = required(case)
        self.requester = ASKERS[case["requester"]]
        self.absent = {"vera": "jonas"} if case["approvers"] == "stand_in" else {}
        self.rows: list[tuple[str, str, tuple[int, str]]] = []
        self.rejected = False

    def complete(self, place: tuple[int, str]) -> bool:
        rights = [right for _, right, step in self.rows if step == place]
        return not self.waits_for_earlier(place) and all(_met(clause, rights) for clause in self.steps[place])

    def waits_for_earlier(self, place: tuple[int, str]) -> bool:
        return any(not self.complete(other) for other in self.steps if other[0] < place[0])

    def open_steps(self) -> list[tuple[int, str]]:
        return [place for place in self.steps if not self.waits_for_earlier(place) and not self.complete(place)]

    def may(self, person: str, place: tuple[int, str]) -> bool:
        return any(person in GROUPS[group] for clause in self.steps[place] for group in clause.who)

    def act(self, person: str, how: str) -> str:
        """Let somebody try; what they are told."""
        if self.rejected or not self.open_steps():
            return "approval.waiting"
        name = self.requester if person == "requester" else person
        if name == self.requester:
            return "approval.not_requester"
        if any(name in (signer, right) for signer, right, _ in self.rows):
            return "approval.once"
        return self._with_right(name, how)

    def _with_right(self, name: str, how: str) -> str:
        for right in (name, self.absent.get(name, "")):
            place = next((step for step in self.open_steps() if self.may(right, step)), None)
            if place is not None and right != self.requester:
                return self._said(name, right, place, how)
        mine = [step for step in self.steps if self.may(name, step)]
        if any(self.waits_for_earlier(step) for step in mine):
            return "approval.step_open"
        return "approval.step_done" if mine else "approval.approver"

    def _said(self, name: str, right: str, place: tuple[int, str], how: str) -> str:
        if how == "stale":
            return "approval.digest"
        if how == "approve":
            self.rows.append((name, right, place))
        self.rejected = how == "reject"
        return "signed" if how == "approve" else "rejected"

    def waits(self) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
        """The open steps, with how many are missing and who may still sign."""
        done = {person for signer, right, _ in self.rows for person in (signer, right)} | {self.requester}
        everybody = {person for people in GROUPS.values() for person in people}
        return tuple(
            (
                place[1],
                max(1, max(c.quorum for c in self.steps[place]) - sum(row[2] == place for row in self.rows)),
                tuple(sorted(p for p in everybody - done if self.may(p, place))),
            )
            for place in self.open_steps()
        )


def _met(clause: Clause, rights: list[str]) -> bool:
    of_rule = [right for right in rights if any(right in GROUPS[group] for group in clause.who)]
    least = all(any(right in GROUPS[group] for right in rights) for group in clause.least)
    return len(of_rule) >= clause.quorum and least


def _signed(case: Case, held: str) -> Outcome:
    life = Life(case)
    attempts = tuple(life.act(person, how) for person, how in ACTS[case["approvers"]])
    if life.rejected:
        return Outcome("rejected", attempts=attempts)
    if life.open_steps():
        return Outcome("signs", attempts=attempts, waits=life.waits(), held=held)
    return Outcome("held" if held else "runs", attempts=attempts, held=held)


def seen(case: Case) -> dict[str, Any]:
    """What a surface answers to the request: status, rule and field; an accepted one has no rule.

    Who does not see the team's things is told that there is none such, by either surface.
    """
    if case["requester"] in SEE_NOTHING:
        if case["kind"] == "create":
            return {"status": 422, "rule": "request.known", "field": "service"}
        return {"status": 404, "rule": "request.found", "field": ""}
    outcome = expected(case)
    if outcome.state != "refused":
        return {"status": 201, "rule": "", "field": ""}
    rule, field = outcome.reasons[0]
    return {"status": outcome.status, "rule": rule, "field": field}
