"""What must become of a request, written from docs/policies.md, approvals.md, quotas.md, windows.md and access.md.

Standard library only, here and in its two parts: nothing of the product is known, and of the table its axes' words.
"""

from typing import Any

from tests.truth.oracle_signers import ACTS, Life
from tests.truth.oracle_things import ASKERS, MAY_ALL, SEE_NOTHING, Case, Outcome, gate, held, person, thing

__all__ = ["ACTS", "ASKERS", "MAY_ALL", "Outcome", "expected", "seen"]


def expected(case: Case) -> Outcome:
    """What must become of it."""
    refused = person(case) or gate(case) or thing(case)
    if refused is not None:
        return refused
    holds = held(case)
    if holds == "switch.provisioning":
        return Outcome("held", attempts=("approval.waiting",) * len(ACTS[case["approvers"]]), held=holds)
    return _signed(case, holds)


def _signed(case: Case, holds: str) -> Outcome:
    life = Life(case)
    attempts = tuple(life.act(person, how) for person, how in ACTS[case["approvers"]])
    if life.rejected:
        return Outcome("rejected", attempts=attempts)
    if life.open_steps():
        return Outcome("signs", attempts=attempts, waits=life.waits(), held=holds)
    return Outcome("held" if holds else "runs", attempts=attempts, held=holds)


def seen(case: Case, *, on_pages: bool) -> dict[str, Any]:
    """What a surface answers to the request: status, rule and field; an accepted one has no rule.

    To who does not see the team's things it looks as if there were none: a page's address has nothing there, and what
    a form or a body names is not known.
    """
    if case["requester"] in SEE_NOTHING:
        if on_pages and case["kind"] != "create":
            return {"status": 404, "rule": "request.found", "field": ""}
        named = "service" if case["kind"] == "create" else "environment"
        return {"status": 422, "rule": "request.known", "field": named}
    outcome = expected(case)
    if outcome.state != "refused":
        return {"status": 201, "rule": "", "field": ""}
    rule, field = outcome.reasons[0]
    return {"status": outcome.status, "rule": rule, "field": field}
