"""Are there people enough to complete a requirement, each of them once? What is signed already is approvals.py's."""

from collections.abc import Iterable, Mapping

from policies import approvals, signers
from policies.approvals import Subject
from policies.permissions import owners_of
from policies.requirements import Step
from policies.results import Allowed, Denied


def satisfiable(subject: Subject) -> Allowed | Denied:
    """Can the people who may sign complete the requirement at all, each of them once?"""
    people = approvals.eligible(subject)
    steps = subject.requirement.steps
    able = {step.key: [p.pk for p in people if signers.stands_for(p.pk, step.who, subject.people)] for step in steps}
    if all(_can_complete(step, able[step.key], subject) for step in steps) and _seats(steps, able):
        return Allowed()
    need, team = subject.requirement, subject.team
    of_team = signers.people_of([f"team:{team.slug}"], subject.where)[f"team:{team.slug}"]
    owning = len(of_team - {subject.requester.pk})
    return Denied(
        rule="approval.satisfiable",
        field="approval",
        reason=(
            f"Nobody can complete this: {need.signatures} signatures are needed, {need.owning_team} from "
            f"{team.name}, and {len(people)} people may sign, {owning} of them from {team.name}."
        ),
        fix=f"Make somebody else approver of {team.name}. The requester never counts.",
        who=f"{owners_of(team)}, or a platform engineer",
        status=409,
    )


def _can_complete(step: Step, able: list[int], subject: Subject) -> bool:
    """Would it be complete if all of them signed?"""
    return all(
        sum(1 for person in able if signers.stands_for(person, clause.who, subject.people)) >= clause.quorum
        and all(len(subject.people.get(g, frozenset()) & set(able)) >= few for g, few in clause.least.items())
        for clause in step.clauses
    )


def _seats(steps: Iterable[Step], able: Mapping[str, list[int]]) -> bool:
    """Has every signature a person of its own? A matching of seats and people by augmenting paths."""
    seats = [step.key for step in steps for _ in range(step.quorum)]
    taken: dict[int, int] = {}

    def seat(index: int, tried: set[int]) -> bool:
        for person in able[seats[index]]:
            if person not in tried:
                tried.add(person)
                if person not in taken or seat(taken[person], tried):
                    taken[person] = index
                    return True
        return False

    return all(seat(index, set()) for index in range(len(seats)))
