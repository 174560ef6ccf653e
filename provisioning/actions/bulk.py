"""Sign several like plans in one act: each one its own digest, its own signature, its own refusal."""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.models import User
from policies.results import Denied
from provisioning.actions.sign import approve
from provisioning.inbox import MOST_ALIKE, likeness
from provisioning.models import Operation


@dataclass(frozen=True)
class Seen:
    """A plan as it was shown: the operation and the digest that was read."""

    operation: Operation
    digest: str


@dataclass(frozen=True)
class Outcome:
    """What became of one of them: signed, or left out with the reason."""

    operation: Operation
    digest: str
    refused: Denied | None = None


def approve_alike(*, by: User, plans: Sequence[Seen], reason: str = "") -> list[Outcome] | Denied:
    """Sign each plan whose digest is still the one that was shown and which is like the first; say the rest."""
    if not plans:
        return Denied("approval.selection", "plans", "No plan was chosen.", "Choose at least one.", status=422)
    if len(plans) > MOST_ALIKE:
        reason = f"At most {MOST_ALIKE} plans are signed at a time."
        return Denied("approval.selection", "plans", reason, "Choose fewer.", status=422)
    wanted = likeness(plans[0].operation)
    return [_signed(by, seen, wanted, reason) for seen in {p.operation.pk: p for p in plans}.values()]


def _signed(by: User, seen: Seen, wanted: str, reason: str) -> Outcome:
    operation = seen.operation
    if seen.digest == operation.change_digest and likeness(operation) != wanted:
        unlike = Denied(
            rule="approval.alike",
            field="plans",
            reason=f"{operation.short_id} makes another change than the first one.",
            fix="Read it and sign it by itself.",
            status=409,
        )
        return Outcome(operation, seen.digest, unlike)
    answer = approve(by=by, operation=operation, digest=seen.digest, reason=reason)
    return Outcome(operation, seen.digest, answer if isinstance(answer, Denied) else None)
