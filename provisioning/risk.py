"""How soon a signer should read a plan: one pure order, kept as a number with the operation. Judges nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

HOURS_PER_MONTH = 730
MOST_COST = 99_999
_SEVERITY = {"warn": 1, "soft": 2, "waived": 2, "block": 3}


@dataclass(frozen=True)
class Risk:
    """What makes a plan urgent to read, the strongest first. `cost` is the rise in money per month, never below 0."""

    is_prod: bool = False
    destroys: bool = False
    severity: int = 0
    review_due: bool = False
    cost: int = 0

    @property
    def score(self) -> int:
        """One number in the same order as the fields; of equals the oldest comes first."""
        rank = ((self.is_prod * 2 + self.destroys) * 4 + self.severity) * 2 + self.review_due
        return rank * (MOST_COST + 1) + self.cost


def risk(
    *, tier: str, plan: Mapping[str, Any], severities: Iterable[str], cost_delta: Decimal, review_due: bool = False
) -> Risk:
    """The risk of one plan. `severities` are those of its findings, `cost_delta` is per hour."""
    month = int(max(Decimal(0), cost_delta) * HOURS_PER_MONTH)
    return Risk(
        is_prod=tier == "prod",
        destroys=any(change["action"] in {"destroy", "delete", "replace"} for change in plan.get("changes", [])),
        severity=max((_SEVERITY.get(severity, 1) for severity in severities), default=0),
        review_due=review_due,
        cost=min(month, MOST_COST),
    )


def cost_of(score: int) -> int:
    """The rise in money per month that a score was made with."""
    return score % (MOST_COST + 1)
