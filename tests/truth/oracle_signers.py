"""Who must sign what, and what each is told who tries: approvals.md. Part of the oracle, which knows only the prose."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.truth.oracle_things import ASKERS, MORE_AN_HOUR, Case, findings, is_shut

GROUPS = {
    "payments": {"jonas", "ines", "art", "oda"},
    "reliability": {"tomasz", "nadia"},
    "owners": {"ines", "oda"},
}


class Clause(NamedTuple):
    """What one rule asks in one step."""

    quorum: int
    who: tuple[str, ...]
    least: tuple[str, ...] = ()


Steps = dict[tuple[int, str], list[Clause]]


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
    if rules == "shut" and is_shut(case):
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
