"""Whether the person and the thing may, and now: permissions, gates, quotas, policies, budgets and windows.

Part of the oracle: written from the prose, with the standard library only.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

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


def _refusal(status: int, *reasons: tuple[str, str]) -> Outcome:
    return Outcome("refused", reasons, status)


# Whether the person may.
def person(case: Case) -> Outcome | None:
    kind, asker = case["kind"], case["requester"]
    right = "request" if kind == "create" else "deploy" if kind in MOVES else "operate"
    if asker == "denied":
        return _refusal(403, (f"deny.{right}", "requester"))
    if asker in MAY_ALL or (asker == "custom" and right == "request"):
        return None
    return _refusal(403, (f"role.{right}", "requester"))


# Whether the environment is where the change can begin.
def gate(case: Case) -> Outcome | None:
    if case["kind"] == "deploy" and case["tier"] in PROD_LIKE:
        return _refusal(409, ("release.promoted", "environment"))
    if case["kind"] == "promote" and case["tier"] == "sandbox":
        return _refusal(409, ("release.verified_below", "release"))
    return None


# Whether the thing may: a new environment meets quotas first, a change policy first, and both budgets last.
def thing(case: Case) -> Outcome | None:
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
def held(case: Case) -> str:
    setting, kind = case["window"], case["kind"]
    if setting == "paused":
        return "switch.provisioning"
    if setting in ("line", "lines"):
        return "" if kind == "rollback" else "stop"
    return f"window.{WINDOWS[setting]}" if is_shut(case) else ""


def is_shut(case: Case) -> bool:
    setting, kind = case["window"], case["kind"]
    if setting == "rollbacks" or kind == "rollback":
        return setting == "rollbacks" and kind == "rollback"
    return setting in ("freeze", "outside", "both") or (setting == "prod" and case["tier"] == "prod")
